"""Tasks with so few prompts that all of them are measured."""

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import BadTask


@pytest.mark.parametrize("count, population", [(5, 10), (7, 21), (9, 36), (10, 45)])
def test_an_exhausted_task_gives_the_exact_value_and_says_so(model, names_task, count, population):
    quantity = names_task(count).logit_diff(model)
    mean = quantity.values(population).mean()
    decision = (quantity < mean + 1e-6).decide().decision
    assert (decision.verdict, decision.n, decision.exhausted) == ("supported", population, True)
    assert decision.estimate == decision.low == decision.high == pytest.approx(mean)
    assert "exact" in decision.method
    assert not (quantity < mean - 1e-6)


def test_an_exact_ratio_median_and_share_are_exact_too(model, names_task):
    task = names_task(7)
    quantity = task.logit_diff(model)
    values = quantity.values(21)
    for each, value in [(quantity.median(), np.median(values)), (quantity.above(0), (values > 0).mean())]:
        decision = (each < value + 1e-6).decide().decision
        assert (decision.verdict, decision.exhausted) == ("supported", True)


def test_an_estimate_of_every_prompt_is_exact(model, names_task):
    estimate = names_task(7).logit_diff(model).estimate(21)
    assert estimate.low == estimate.value == estimate.high
    assert "exact" in estimate.method


def test_a_constant_over_every_prompt_there_is_is_a_fact(model, names_task):
    constant = names_task(7).measure(lambda _logits, prompts: torch.ones(len(prompts)), model)
    assert constant < 2


def test_a_budget_that_ends_earlier_is_not_exact(model, names_task, with_settings):
    with with_settings(samples=32):
        quantity = names_task(9).logit_diff(model)
        decision = (quantity < quantity.values(32).mean() + 1e-6).decide().decision
    assert (decision.verdict, decision.exhausted, decision.n) == ("inconclusive", False, 32)


@pytest.mark.parametrize("n", [22, 32, 33, 64, 100])
def test_more_prompts_than_there_are_is_an_error_with_their_number(model, names_task, n):
    quantity = names_task(7).logit_diff(model)
    for ask in (quantity.values, quantity.estimate):
        with pytest.raises(BadTask, match="21 prompts"):
            ask(n)


def test_a_mean_over_more_prompts_than_there_are_says_how_many_there_are(model, names_task):
    task = names_task(7)
    with pytest.raises(BadTask, match="Say n=11"):
        task.logit_diff(model.ablate("L0H1", kind="mean")).values(21)
    assert len(task.logit_diff(model.ablate("L0H1", kind="mean", n=11)).values(21)) == 21


def test_discovery_and_reference_are_tasks_of_their_own_size(model, names_task):
    task = names_task(7)
    sizes = {
        stream: (task.on_stream(stream).logit_diff(model) < 100).decide().decision.n for stream in ("discovery", "reference")
    }
    assert sum(sizes.values()) == 21
    assert isinstance(task, cc.Task)
