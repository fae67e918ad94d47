"""After a run, and after one that raised in the middle, a model is what it was: no forward, no hook, the same logits."""

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch
from registries import put_back
from spies import left_on, short_passes_counted

import circuitcheck as cc
from circuitcheck.engine.torch.shortened import parity
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.ext import InterventionBase, Site, Write, parse_at, register_kernel

N = 6
SIDE_BY_SIDE = 4  # rows, while ways are tried: of two prompts, written to in two ways
TOKENS = torch.arange(24).reshape(2, 12)


@pytest.fixture(scope="module", params=["gemma3", "hooked"])
def either(two_ways, request):
    return two_ways(request.param)


@pytest.fixture
def model(either):
    return either.loaded.model


def logits(model):
    with torch.no_grad():
        return forward(model, TOKENS)


@pytest.fixture
def unchanged(model):
    """What is on the model, and what it says, are the same afterwards."""
    logits(model)
    left, said = left_on(model), logits(model)
    yield
    assert left_on(model) == left
    torch.testing.assert_close(logits(model), said, rtol=0, atol=0)


def views_of(model):
    last = f"L{model.architecture.n_layers - 1}"
    return [model, *(model.ablate(f"{last}H{head}", kind="zero", at="END") for head in range(3))]


@pytest.mark.usefixtures("unchanged")
def test_after_a_run(either, alike, monkeypatch):
    plan = either.plan(alike, *((view, cc.logit_diff()) for view in views_of(either.model)))
    with short_passes_counted(monkeypatch) as short:
        either.fast(plan, N)
    assert short


@pytest.mark.usefixtures("unchanged")
def test_after_the_ways_were_tried(either, alike, monkeypatch):
    monkeypatch.setattr(parity, "_proven", WeakKeyDictionary())
    either.fast(either.plan(alike, (either.model, cc.logit_diff())), N)


@dataclass(frozen=True)
class Raises(InterventionBase):
    layer: int
    error: type = RuntimeError

    @property
    def writes(self):
        return ((Site("z", self.layer, 0), parse_at("END")),)

    @property
    def digest(self):
        return f"raises {self.error.__name__}"

    def describe(self):
        return "an error"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_a_kernel_that_raises_in_a_short_pass(either, alike, monkeypatch, error):
    def fail(_value):
        raise error("boom")

    last = either.model.architecture.n_layers - 1
    with put_back():
        register_kernel(Raises)(lambda mine, batch, sources: [Write("z", mine.layer, fail)])
        views = [*views_of(either.model), either.model.intervene(Raises(last, error))]
        plan = either.plan(alike, *((view, cc.logit_diff()) for view in views))
        with short_passes_counted(monkeypatch) as short, pytest.raises(error, match="boom"):
            either.fast(plan, N)
    assert short
    both = either.plan(alike, *((view, cc.logit_diff()) for view in views[:-1]))
    either.compare(both, N)


@pytest.mark.usefixtures("unchanged")
def test_after_a_way_of_shortening_that_raises(either, alike, monkeypatch):
    """The model itself fails, halfway through the first passes that are run side by side."""
    monkeypatch.setattr(parity, "_proven", WeakKeyDictionary())
    block = either.loaded.model.blocks[-1]
    honest = block.forward

    def failing(stream, *given, **how):
        if len(stream) == SIDE_BY_SIDE:
            raise RuntimeError("boom")
        return honest(stream, *given, **how)

    plan = either.plan(alike, *((view, cc.logit_diff()) for view in views_of(either.model)))
    vars(block)["forward"] = failing
    try:
        fast = either.fast(plan, N).values
    finally:
        del vars(block)["forward"]
    np.testing.assert_array_equal(fast, either.whole(plan, N).values)
    assert [ways.layers for ways in parity._proven[either.loaded.model].ways.values()] == [False]


@pytest.mark.usefixtures("unchanged")
def test_two_threads_run_plans_one_after_the_other(either, alike, task):
    """On one engine, whose hooks and forwards are on one model."""
    engine = either.session.engine
    plans = [either.plan(where, *((view, cc.logit_diff()) for view in views_of(either.model))) for where in (alike, task)]
    alone, together = [engine.run(plan, range(N)).values for plan in plans], [[], []]

    def work(number):
        for _ in range(3):
            together[number].append(engine.run(plans[number], range(N)).values)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected, found in zip(alone, together, strict=True):
        assert len(found) == 3
        for each in found:
            np.testing.assert_array_equal(each, expected)
