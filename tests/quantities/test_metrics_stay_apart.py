"""Metrics of one view read one run: none may spoil another."""

import math

import numpy as np
import pytest

import circuitcheck as cc


def test_a_metric_that_writes_into_its_logits_changes_no_other_metric(model):
    def vandal(logits, prompts):
        logits[:] = -1e9
        return logits[:, 0]

    ioi = cc.tasks.ioi()
    alone = ioi.logit_diff(model).values(32)
    with cc.use_session(cc.Session()):
        again = cc.load(model.ref.spec)
        together = 0 * ioi.metric(vandal, again) + ioi.logit_diff(again)
        np.testing.assert_allclose(together.values(32), alone, atol=1e-6)


def test_the_same_function_with_another_support_is_another_metric(model):
    def first_logit(logits, prompts):
        return logits[:, 0]

    ioi = cc.tasks.ioi()
    ioi.metric(cc.metric(first_logit), model).values(32)
    with pytest.raises(cc.CircuitCheckError, match="support"):
        ioi.metric(cc.metric(first_logit, support="binary"), model).values(32)


@pytest.mark.parametrize("threshold", [math.inf, -math.inf, math.nan])
def test_thresholds_that_no_report_can_hold_are_refused(model, threshold):
    quantity = cc.tasks.ioi().logit_diff(model)
    with pytest.raises(cc.CircuitCheckError, match="finite"):
        quantity < threshold
    with pytest.raises(ValueError, match="margin"):
        cc.approx(threshold, abs=0.1)


def test_an_ablation_that_cannot_reach_the_end_is_shown_to_be_null(model):
    ioi, last = cc.tasks.ioi(), model.architecture.n_layers - 1
    view = model.ablate(f"L{last}H0", kind="zero", at="S1")
    difference = ioi.logit_diff(view) - ioi.logit_diff(model)
    undecided = (difference == cc.approx(0, abs=0.05)).decide().decision
    assert (undecided.verdict, undecided.n) == ("inconclusive", 512)
    assert "all 512 values are equal (0)" in undecided.reason
    assert "cc.forall" in undecided.reason
    assert cc.forall(difference == cc.approx(0, abs=0.05), rate=0.01)


def test_the_prompt_whose_denominator_is_undefined_is_named_first(model):
    def hole(logits, prompts):
        values = logits[:, 0].clone()
        values[[prompt.index == 7 for prompt in prompts]] = float("nan")
        return values

    ioi = cc.tasks.ioi()
    result = (ioi.logit_diff(model) / ioi.metric(hole, model) < 1).decide()
    assert result.decision.verdict == "inconclusive"
    assert result.contrary[0].index == 7
