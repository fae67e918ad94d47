"""The doctor reads what a write does to a layer without the layers below it, where these change nothing.

How it could be fooled: a layer hands something on past the stream, and what is left of the run before happens to be right.
"""

import pytest
import torch

from circuitcheck.engine.torch.doctor.examined import ExaminedModel
from circuitcheck.engine.torch.sites.access import hooks_that_read, hooks_that_write
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooks import hooked

LAST = 2
WHERE = ("resid_post", LAST)


@pytest.fixture
def runs(monkeypatch):
    """runs(model, number): how often a layer was run."""

    def counted(model, number):
        block, found = model.blocks[number], []
        honest = block.forward
        monkeypatch.setitem(vars(block), "forward", lambda *args, **how: found.append(number) or honest(*args, **how))
        return found

    return counted


def written(examined):
    """What a whole run shows after a write in the last layer, and what the doctor reads, each after a run of others."""
    model, write, kept = examined.model, examined.writing([("z", LAST)]), {}
    with torch.no_grad(), hooked(model, hooks_that_write(model, write) + hooks_that_read(model, [WHERE], kept)):
        forward(model, examined.ours)
    examined.read(WHERE, write)  # tries what may be left out
    examined.logits(examined.theirs)
    return kept[WHERE].double(), lambda: examined.read(WHERE, write)


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma3"])
def test_the_layers_below_are_left_out_and_no_bit_changes(admit, runs, family):
    examined = ExaminedModel(admit(family, layers=LAST + 1))
    whole, read = written(examined)
    run = [runs(examined.model, number) for number in range(LAST + 1)]
    assert torch.equal(read(), whole)
    assert not torch.equal(whole, examined.our(WHERE))
    assert [len(each) for each in run] == [0, 0, 1]


@pytest.mark.parametrize("holder", [0, 1])
def test_what_is_handed_on_past_the_stream_is_not_that_of_another_run(admit, runs, monkeypatch, holder):
    examined = ExaminedModel(admit("gpt2", layers=LAST + 1))
    first, last = examined.model.blocks[holder], examined.model.blocks[LAST]
    of_first, of_last, held = first.forward, last.forward, []

    def holding(stream, *args, **how):
        held[:] = [stream]
        return of_first(stream, *args, **how)

    monkeypatch.setitem(vars(first), "forward", holding)
    monkeypatch.setitem(vars(last), "forward", lambda stream, *args, **how: of_last(stream + held[0], *args, **how))
    whole, read = written(examined)
    run = runs(examined.model, 0)
    assert torch.equal(read(), whole)
    assert run == [0]
