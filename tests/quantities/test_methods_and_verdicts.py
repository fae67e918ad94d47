"""Which method a metric's numbers reach, and what a verdict says."""

import copy
import json
import pickle
from operator import gt, lt

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import BudgetTooSmall, CircuitCheckError, Inconclusive, NotComparable


def method(comparison):
    return comparison.decide().decision.method


def test_accuracy_at_one_look_is_exact(ioi, model, with_settings):
    with with_settings(samples=32):
        assert "Clopper-Pearson" in method(ioi.accuracy(model) < 0.9)
        assert "Clopper-Pearson" in method(1 - ioi.accuracy(model) > 0.1)
        assert "Clopper-Pearson" in method(ioi.logit_diff(model).above(0) < 0.99)


def test_accuracy_over_several_looks_is_exact_too(ioi, model):
    assert "Clopper-Pearson" in method(ioi.accuracy(model) < 0.9)
    assert "Clopper-Pearson" in method(ioi.logit_diff(model).above(0) < 0.99)


def test_a_difference_of_accuracies_is_exact(ioi, model):
    assert "paired" in method(ioi.accuracy(model) - ioi.accuracy(model.on("abc")) < 0.9)
    assert "paired" in method(ioi.accuracy(model) < ioi.accuracy(model.on("abc")) + 0.9)
    assert "paired" in method(2 * ioi.accuracy(model) - 2 * ioi.accuracy(model.on("abc")) + 1 < 2.9)
    assert "betting" in method(2 * ioi.accuracy(model) - ioi.accuracy(model.on("abc")) < 1.9)


def test_a_multiple_of_accuracy_never_reaches_a_method_for_real_values(ioi, model):
    assert "betting" in method(2 * ioi.accuracy(model) < 1.9)


def test_bounded_metrics_use_betting(ioi, model):
    assert "betting" in method(ioi.metric(cc.probability(), model) < 0.9)


def test_real_metrics_use_the_skew_guarded_interval(ioi, model):
    assert "Hall" in method(ioi.logit_diff(model) < 100)


@pytest.mark.parametrize(
    "asked, told",
    [
        (lambda share: share > 1.0, "> 1 never holds"),
        (lambda share: share > 95, "> 95 never holds"),
        (lambda share: share >= 0, ">= 0 always holds"),
        (lambda share: share <= 1, "<= 1 always holds"),
        (lambda share: share == cc.approx(2, abs=0.5), "== 2 never holds"),
        (lambda share: share != cc.approx(2, abs=0.5), "!= 2 always holds"),
        (lambda share: share > 0, ""),
        (lambda share: share < 1, ""),
        (lambda share: share == cc.approx(0.98, abs=0.05), ""),
        (lambda share: share != cc.approx(0.5, abs=0.05), ""),
    ],
)
def test_what_a_share_can_only_be_is_told(ioi, model, with_settings, asked, told):
    with with_settings(samples=32):
        said = "".join(asked(ioi.accuracy(model)).decide().flags)
    assert (told in said and "nothing is tested" in said) if told else "holds" not in said


def test_a_metric_of_first_tokens_says_so_where_answers_have_several(tmp_path, model):
    rows = [{"text": f"Then Mary and {each} met and {each} saw", "answer": " Mary Mary"} for each in ("John", "Tom", "Anna")]
    file = tmp_path / "long.jsonl"
    file.write_text("\n".join(json.dumps(row | {"stream": "test"}) for row in rows), encoding="utf-8")
    task = cc.Task.from_records(file).on_stream("test")
    for metric, told in (("probability", True), ("log_prob", False)):
        said = "".join((task.metric(metric, model) < 99).decide().flags)
        assert ("3 have an answer or distractor of several, as ' Mary Mary'" in said) is told
    assert "first tokens" not in "".join((cc.tasks.ioi().accuracy(model) < 0.99).decide().flags)


def test_medians_never_use_a_method_for_means(ioi, model):
    assert "Hall" not in method(ioi.logit_diff(model).median() < 100)


def test_true_is_supported_and_false_is_refuted(ioi, model):
    assert ioi.logit_diff(model) < 100
    assert not (ioi.logit_diff(model) > 100)
    assert ioi.logit_diff(model) == cc.approx(0, abs=50)
    assert ioi.logit_diff(model) != cc.approx(100, abs=50)
    assert not bool(ioi.logit_diff(model) == cc.approx(100, abs=50))


def test_undecided_raises_inconclusive_with_interval_prompts_and_what_would_decide(ioi, model, with_settings):
    quantity = ioi.logit_diff(model)
    with with_settings(samples=64):
        centre = quantity.estimate(64).value
        with pytest.raises(Inconclusive, match=r"(?s)interval \[.*64 prompts.*seed 0.*to decide: with probability 0\.8"):
            bool(quantity > centre)


def test_a_chain_asks_both_halves(ioi, model):
    assert -100 < ioi.logit_diff(model) < 100
    assert not (50 < ioi.logit_diff(model) < 100)
    assert not (-100 < ioi.logit_diff(model) < -50)


@pytest.mark.parametrize("number", [100, 100.0, np.float64(100), np.float32(100), np.int64(100)])
def test_the_number_may_stand_on_the_left(ioi, model, number):
    assert gt(number, ioi.logit_diff(model))
    assert not lt(number, ioi.logit_diff(model))


@pytest.mark.parametrize(
    "look", [repr, lambda c: c._repr_html_(), copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_looking_copying_and_pickling_never_ask(ioi, model, look):
    comparison = ioi.logit_diff(model) < 100
    found = look(comparison)
    assert comparison.result is None
    assert getattr(found, "result", None) is None


def test_the_verdict_is_kept(ioi, model):
    comparison = ioi.logit_diff(model) < 100
    assert comparison.decide() is comparison.decide()


def test_a_metric_that_gives_nan_is_inconclusive_and_names_the_prompt(ioi, model):
    def metric(_logits, prompts):
        return torch.tensor([float("nan") if prompt.index == 5 else 1.0 + prompt.index for prompt in prompts])

    comparison = ioi.metric(metric, model) < 100
    decision = comparison.decide().decision
    assert decision.verdict == "inconclusive"
    assert "1 of 32 prompts" in decision.reason
    assert "prompt 5" in decision.reason
    assert "prompt 5" in ioi.metric(metric, model).estimate(32).reason
    with pytest.raises(Inconclusive):
        bool(comparison)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_share_above_counts_no_undefined_numbers(ioi, model, bad):
    quantity = ioi.metric(lambda _logits, prompts: torch.full((len(prompts),), bad), model)
    assert (quantity.above(0) < 0.5).decide().decision.verdict == "inconclusive"


def test_no_spread_gives_no_verdict(ioi, model):
    constant = ioi.metric(lambda _logits, prompts: torch.ones(len(prompts)), model)
    decision = (constant < 5).decide().decision
    assert decision.verdict == "inconclusive"
    assert "equal" in decision.reason


@pytest.mark.parametrize(
    "function",
    [
        lambda logits, _: logits,
        lambda logits, _: logits.mean(),
        lambda logits, _: logits[:-1, 0],
        lambda logits, _: logits[:, :1],
    ],
)
def test_a_metric_of_the_wrong_shape_is_refused_with_the_shape_it_should_have(ioi, model, function):
    with pytest.raises(NotComparable, match=r"gave shape .*expected one number for each, shape \(\d+,\)"):
        ioi.metric(function, model).values(32)


@pytest.mark.parametrize("support, value", [("binary", 0.5), ("binary", 2.0), ((0.0, 1.0), 1.5), ((0.0, 1.0), -0.5)])
def test_a_metric_outside_its_declared_support_gets_no_verdict(ioi, model, support, value):
    metric = cc.metric(lambda _logits, prompts: torch.full((len(prompts),), value), name="liar", support=support)
    try:
        verdict = (ioi.metric(metric, model) < 0.9).decide().decision.verdict
    except (CircuitCheckError, ValueError):
        return
    assert verdict == "inconclusive"


def test_a_function_as_a_metric_is_said_to_be_local(ioi, model):
    result = (ioi.metric(lambda logits, _prompts: logits[:, 0].double(), model) < 1e9).decide()
    assert any("function" in warning for warning in result.warnings)


def test_a_budget_below_the_first_look_is_refused(ioi, model, with_settings):
    with with_settings(samples=16), pytest.raises(BudgetTooSmall, match="16"):
        bool(ioi.logit_diff(model) < 1)


def test_an_estimate_is_the_mean_of_the_first_prompts_with_an_interval_around_it(ioi, model):
    quantity = ioi.logit_diff(model)
    estimate = quantity.estimate(48)
    assert estimate.value == pytest.approx(quantity.values(48).mean())
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.n, estimate.confidence) == (48, 0.95)
    assert quantity.estimate(48, confidence=0.99).low < estimate.low
