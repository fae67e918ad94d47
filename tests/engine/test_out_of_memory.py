"""Memory that runs out, at each kind of pass: half as much is done at once, and the values are the same."""

import logging
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.engine.torch.shortened import parity, passes
from circuitcheck.notices import say_once

N = 24


@pytest.fixture(autouse=True)
def said_anew():
    say_once.cache_clear()


@pytest.fixture
def holds(monkeypatch):
    """At most so many tokens are run at once from then on; gives how many were."""

    def hold(most):
        honest, ran = passes.forward, []

        def forward(model, tokens, **how):
            if tokens.numel() > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            ran.append(tokens.numel())
            return honest(model, tokens, **how)

        monkeypatch.setattr(passes, "forward", forward)
        return ran

    return hold


def quantities(model):
    ioi = cc.tasks.ioi()
    views = {
        "untouched": model,
        "shortened": model.ablate("L2H1", kind="zero", at="END"),
        "whole": model.ablate("L0H1", kind="zero"),
        "mean": model.ablate("L1.mlp", kind="mean"),
        "resample": model.ablate("L1H0", kind="resample", n=32),
        "counterfactual": model.patch("L1.resid_pre", source="abc", at="END"),
        "path": model.patch_path("L0H1", into="L2H1.q", source="abc", at="END"),
        "on": model.on("abc").ablate("L1H1", kind="zero"),
    }
    return {name: ioi.logit_diff(view) for name, view in views.items()}


@pytest.fixture(scope="module")
def expected(tiny_gpt2):
    with cc.use_session(cc.Session()):
        return {name: each.values(N) for name, each in quantities(cc.load(str(tiny_gpt2))).items()}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["untouched", "shortened", "whole", "mean", "resample", "counterfactual", "path", "on"])
def test_values_are_those_of_more_memory(tiny_gpt2, expected, holds, caplog, name):
    ran = holds(100)
    with caplog.at_level(logging.WARNING, "circuitcheck"):
        found = quantities(cc.load(str(tiny_gpt2)))[name].values(N)
    np.testing.assert_allclose(found, expected[name], atol=1e-5)
    assert max(ran) <= 100
    assert "memory ran out, so half as much is run at once from here on" in caplog.text


def test_passes_are_whole_where_memory_does_not_hold_a_trial_of_others(tiny_gpt2, expected, holds, monkeypatch, caplog):
    monkeypatch.setattr(parity, "_proven", WeakKeyDictionary())
    ran = holds(40)  # one of the longest prompts
    with caplog.at_level(logging.WARNING, "circuitcheck"):
        found = quantities(cc.load(str(tiny_gpt2)))["shortened"].values(N)
    np.testing.assert_allclose(found, expected["shortened"], atol=1e-5)
    assert max(ran) <= 40
    assert "memory does not hold a trial of shortened passes on prompts of 32 tokens" in caplog.text


def test_the_next_plan_begins_with_what_memory_holds(tiny_gpt2, holds, monkeypatch):
    holds(100)
    asked = quantities(cc.load(str(tiny_gpt2)))
    asked["whole"].values(N)
    refused = []
    honest = passes.forward
    monkeypatch.setattr(
        passes, "forward", lambda model, tokens, **how: refused.append(tokens.numel()) or honest(model, tokens, **how)
    )
    asked["on"].values(N)
    assert max(refused) <= 100


def test_memory_that_holds_no_prompt_is_said_so(tiny_gpt2, holds):
    holds(3)
    asked = quantities(cc.load(str(tiny_gpt2)))
    with pytest.raises(
        cc.OutOfMemory, match="does not hold one pass over one prompt .*Tried to allocate 20.00 GiB.*shorter prompts"
    ):
        asked["whole"].values(N)


def test_other_errors_are_not_tried_again(tiny_gpt2, monkeypatch):
    tries = []

    def broken(*_given, **_how):
        tries.append(1)
        raise RuntimeError("boom")

    asked = quantities(cc.load(str(tiny_gpt2)))
    asked["on"].values(N)  # which ways of shortening passes work is known from then on
    monkeypatch.setattr(passes, "forward", broken)
    with pytest.raises(RuntimeError, match="boom"):
        asked["whole"].values(N)
    assert len(tries) == 1
