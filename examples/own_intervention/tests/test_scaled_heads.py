"""The parts by themselves, and claims that use them."""

import numpy as np
import pytest
from scaled_heads import Scale, scaled

import circuitcheck as cc
from circuitcheck.errors import CircuitCheckError, UnknownSite
from circuitcheck.testing import LAWS, broken_kernels, check_kernel


@pytest.fixture(scope="session")
def organism(load_model):
    return load_model("organism")


@pytest.fixture
def half(organism):
    (intervention,) = scaled(organism, "L2H2.z, L3H0.z", factor=0.5, at="END").data.interventions
    return intervention


def test_the_kernel_keeps_the_laws(half, organism, ioi):
    assert check_kernel(half, organism, ioi) == tuple(LAWS)


def test_a_broken_kernel_is_refused(half, organism, ioi):
    for broken in broken_kernels(half, organism):
        with pytest.raises(CircuitCheckError):
            check_kernel(broken, organism, ioi)


def test_a_factor_of_zero_is_a_zero_ablation(organism, ioi):
    none = ioi.logit_diff(scaled(organism, "L2H2.z", factor=0, at="END"))
    ablated = ioi.logit_diff(organism.ablate("L2H2", kind="zero", at="END"))
    np.testing.assert_array_equal(none.values(16), ablated.values(16))


def test_what_changes_nothing_or_is_not_there_is_refused(organism):
    with pytest.raises(ValueError, match="factor=1"):
        Scale((), 1, None)
    with pytest.raises(UnknownSite):
        scaled(organism, "L9H9.z", factor=0.5)


def test_the_metric_is_what_it_says(organism, belongings):
    prompts = belongings.prompts(8, model=organism)
    logits = organism.logits(prompts).double()
    for row, (prompt, found) in enumerate(zip(prompts, belongings.metric("margin", organism).values(8), strict=True)):
        answer = logits[row, prompt.answer_id].item()
        logits[row, prompt.answer_id] = float("-inf")
        assert found == pytest.approx(answer - logits[row].max().item(), abs=1e-4)


@cc.claim("Half of L0H2 at END costs the behaviour a tenth or more", id="scaled.half", model="organism")
def test_half_a_head(model, ioi):
    assert ioi.recovered(scaled(model, "L0H2.z", factor=0.5, at="END")) < 0.9


@cc.claim("Another word is ahead of whose thing it is: it never learned this", id="scaled.margin", model="organism")
def test_margin(model, belongings):
    assert belongings.metric("margin", model) < 0
