"""What resampling puts in is the donor's own value."""

from functools import cache

import numpy as np
import pytest
import torch
from donors import OTHER, SAME, Hooked

import circuitcheck as cc

HEAD_WIDTH = 8
UNITS = {
    "L1H2": [(1, "z", slice(2 * HEAD_WIDTH, 3 * HEAD_WIDTH))],
    "L0H1, L2H0": [(0, "z", slice(HEAD_WIDTH, 2 * HEAD_WIDTH)), (2, "z", slice(0, HEAD_WIDTH))],
    "L1.attn": [(1, "attn_out", slice(None))],
    "L0.mlp": [(0, "mlp_out", slice(None))],
    "L1.mlp[3-40]": [(1, "neurons", slice(3, 41))],
    "L0.mlp, L1.attn, L2H3": [
        (0, "mlp_out", slice(None)),
        (1, "attn_out", slice(None)),
        (2, "z", slice(3 * HEAD_WIDTH, 4 * HEAD_WIDTH)),
    ],
}
PLACES = {"END": ("END",), "S2 and END": ("S2", "END"), "names": ("IO", "S1", "S2"), "everywhere": None}


@cache
def untouched_values(network, prompts):
    """What runs of these tokens have, one prompt a row."""
    return Hooked(network, torch.tensor(prompts)).values


def with_values_of(network, prompt, donors, units, at, run="clean"):
    """[donor]: the prompt's logit difference with the values that the donor's own run has at these tokens."""
    theirs = untouched_values(network, tuple(donor.tokens for donor in donors))
    where = list(range(len(prompt.tokens))) if at is None else [prompt.positions[name][-1] for name in at]
    changes = {}
    for layer, place, entries in units:

        def change(value, new=theirs[layer, place], entries=entries):
            value = value.clone()
            value[:, where, entries] = new[:, where, entries]
            return value

        changes[layer, place] = change
    logits = Hooked(network, torch.tensor([prompt.run(run)] * len(donors)), changes).logits[:, prompt.end].double()
    return (logits[:, prompt.answer_id] - logits[:, prompt.distractor_id]).numpy()


@pytest.mark.parametrize("run", ["clean", "abc"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", UNITS)
@pytest.mark.sampled(4)
def test_exactly_one_prompt_that_fits_gives_the_value_that_was_measured(network, ioi, model, words, place, run):
    at = PLACES[place]
    view = model if run == "clean" else model.on(run)
    untouched = ioi.logit_diff(view).values(8)
    measured = ioi.logit_diff(view.ablate(words, kind="resample", at=at and list(at), n=128)).values(8)
    assert np.abs(measured - untouched).max() > OTHER
    reference = ioi.prompts(128, model=model, stream="reference")
    for prompt, value in zip(ioi.prompts(8, model=model), measured, strict=True):
        fitting = [each for each in reference if each.template == prompt.template and each.tokens != prompt.tokens]
        found = with_values_of(network, prompt, fitting, UNITS[words], at, run)
        assert (np.abs(found - value) < SAME).sum() == 1, (found, value)
        assert len(fitting) == 8


def test_a_circuit_s_complement_is_resampled_from_one_donor(network, ioi, model):
    circuit = cc.circuit({"END": "L2H0-3", "S2": "L0H0-1"})
    measured = ioi.logit_diff(model.ablate(~circuit, kind="resample", n=128)).values(16)
    reference = ioi.prompts(128, model=model, stream="reference")
    for prompt, value in zip(ioi.prompts(16, model=model), measured, strict=True):
        fitting = [each for each in reference if each.template == prompt.template]
        theirs = Hooked(network, torch.tensor([donor.tokens for donor in fitting])).values
        kept = {(2, head): prompt.end for head in range(4)} | {(0, head): prompt.positions["S2"][-1] for head in range(2)}

        def change(value, layer, kept=kept, theirs=theirs):
            new = theirs[layer, "z"].clone()
            for head in range(4):
                if (layer, head) in kept:
                    own = (slice(None), kept[layer, head], slice(head * HEAD_WIDTH, (head + 1) * HEAD_WIDTH))
                    new[own] = value[own]
            return new

        changes = {(layer, "z"): lambda value, layer=layer, change=change: change(value, layer) for layer in range(3)}
        logits = Hooked(network, torch.tensor([prompt.tokens] * len(fitting)), changes).logits[:, prompt.end].double()
        found = (logits[:, prompt.answer_id] - logits[:, prompt.distractor_id]).numpy()
        assert (np.abs(found - value) < SAME).sum() == 1, (found, value)
