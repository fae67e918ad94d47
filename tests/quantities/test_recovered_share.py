"""`recovered`: 1 for the clean model, 0 for the counterfactual, and no verdict on a model that does not do the task."""

import numpy as np
import pytest

import circuitcheck as cc
from circuitcheck.errors import Inconclusive

N = 64


@pytest.mark.parametrize("against", [None, "abc", "swap"])
def test_the_clean_model_recovers_all_of_it(ioi, model, against):
    pairs = ioi.recovered(model, against=against).values(N)
    np.testing.assert_array_equal(pairs["numerator"], pairs["denominator"])
    assert ioi.recovered(model, against=against).estimate(N).value == pytest.approx(1.0)


@pytest.mark.parametrize("against", ["abc", "swap"])
def test_the_counterfactual_recovers_nothing(ioi, model, against):
    recovered = ioi.recovered(model.on(against), against=against)
    np.testing.assert_array_equal(recovered.values(N)["numerator"], np.zeros(N))
    assert recovered.estimate(N).value == 0


def test_it_is_the_ratio_of_the_two_mean_differences(ioi, model):
    view = model.ablate("L0H1, L1.mlp", kind="mean", at="END", n=64)
    seen, clean, other = (ioi.logit_diff(each).values(N).mean() for each in (view, model, model.on("swap")))
    assert ioi.recovered(view, against="swap").estimate(N).value == pytest.approx((seen - other) / (clean - other))


def test_the_first_counterfactual_is_the_default(ioi, model):
    view = model.ablate("L0H1", kind="zero")
    assert (
        ioi.recovered(view).digest == ioi.recovered(view, against="abc").digest != ioi.recovered(view, against="swap").digest
    )


def test_a_model_that_does_not_do_the_task_gives_no_verdict_and_that_reason(ioi, model, with_settings):
    comparison = ioi.recovered(model.ablate("L0H1", kind="zero")) < 0.8
    with with_settings(samples=64):
        decision = comparison.decide().decision
        assert decision.verdict == "inconclusive"
        assert "the model does not do the task" in decision.reason
        with pytest.raises(Inconclusive, match="the model does not do the task"):
            bool(comparison)


def test_a_negative_denominator_never_flips_the_verdict(ioi, model, with_settings):
    """Answer and distractor exchanged: the quotient of two negative means."""
    negative = ioi.metric(lambda logits, prompts: -above_the_lowest(logits, prompts), model)
    with with_settings(samples=64):
        for comparison in (negative / negative < 0.5, negative / negative > 0.5, 2 * (negative / negative) > 0.5):
            assert comparison.decide().decision.verdict == "inconclusive"


def test_a_quotient_over_a_denominator_above_zero_gets_its_verdict(ioi, model, with_settings):
    clean = ioi.metric(above_the_lowest, model)
    ablated = ioi.metric(above_the_lowest, model.ablate("L0-2.mlp", kind="zero"))
    with with_settings(samples=64):
        value = (ablated / clean).estimate(64).value
        assert (ablated / clean < value + 0.5).decide().decision.verdict == "supported"
        assert (ablated / clean > value + 0.5).decide().decision.verdict == "refuted"
        assert (ablated / clean == cc.approx(value, abs=0.5)).decide().decision.verdict == "supported"


def above_the_lowest(logits, prompts):
    return logits[range(len(prompts)), [prompt.answer_id for prompt in prompts]] - logits.min(dim=1).values
