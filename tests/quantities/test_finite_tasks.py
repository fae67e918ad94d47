"""Tasks with so few prompts that all of them are measured: a sample all the same, unless somebody says that they are all."""

import json

import numpy as np
import pytest

import circuitcheck as cc
from circuitcheck.errors import BadTask

NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark", "Anna", "Emma", "Kate", "Max")


@pytest.fixture
def file(tmp_path):
    """`file(12, stream="test")`: that many rows, each with what else is said."""

    def write(count, **more):
        rows = [{"text": f"Then {name} and", "answer": " Mary", "distractor": " John", **more} for name in NAMES[:count]]
        path = tmp_path / "mine.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


# A stream is a part of a task


@pytest.mark.parametrize("count, size", [(5, 10), (7, 21), (10, 45)])
def test_all_of_a_stream_is_a_sample_of_what_the_claim_is_about(model, names_task, count, size):
    quantity = names_task(count).logit_diff(model)
    decision = (quantity < quantity.values(size).mean() + 1e-6).decide().decision
    assert (decision.verdict, decision.n, decision.census) == ("inconclusive", size, False)
    assert decision.low < decision.estimate < decision.high
    assert "there are no more prompts" in decision.reason
    assert decision.n_more == ()


def test_nor_is_an_estimate_of_all_of_them_exact(model, names_task):
    estimate = names_task(7).logit_diff(model).estimate(21)
    assert estimate.low < estimate.value < estimate.high


# A file


def test_rows_that_all_name_the_test_stream_are_a_sample(model, file):
    task = cc.Task.from_records(file(12, stream="test")).on_stream("test")
    assert not task.logit_diff(model).estimate(12).method.startswith("exact")


def test_a_file_says_how_it_was_divided_when_it_is_read_and_in_every_result_of_few(model, file, caplog):
    result = (cc.Task.from_records(file(12)).logit_diff(model) < 100).decide()
    said = [each.getMessage() for each in caplog.records if each.name == "circuitcheck"]
    assert any(each.startswith("mine has 12 prompts: 7 to test, 3 to discovery, 2 to reference") for each in said)
    assert any("mine has 12 prompts: 7 to test" in each for each in result.warnings)
    assert result.decision.n == 7


def test_population_says_that_these_prompts_are_all_there_are(model, file):
    task = cc.Task.from_records(file(12), population=True)
    mean = task.logit_diff(model).estimate(12).value
    result = (task.logit_diff(model) < mean + 1e-6).decide()
    assert (result.decision.verdict, result.decision.n, result.decision.census) == ("supported", 12, True)
    assert result.decision.low == result.decision.estimate == result.decision.high
    assert "every prompt that the claim is about" in result.describe()
    assert any("these 12 prompts of mine and no others" in each for each in result.warnings)
    assert not (task.logit_diff(model) < mean - 1e-6)


def test_of_a_population_ratios_medians_shares_and_constants_are_exact_too(model, file):
    task = cc.Task.from_records(file(12), population=True)
    quantity = task.logit_diff(model)
    values = quantity.values(12)
    for each, value in [(quantity.median(), np.median(values)), (quantity.above(0), (values > 0).mean())]:
        decision = (each < value + 1e-6).decide().decision
        assert (decision.verdict, decision.census) == ("supported", True)
    assert task.metric(lambda _logits, prompts: np.ones(len(prompts)), model) < 2


def test_a_population_larger_than_the_budget_is_not_exact(model, file, with_settings):
    with with_settings(samples=8, first_look=8):
        decision = (cc.Task.from_records(file(12), population=True).logit_diff(model) < 0).decide().decision
    assert (decision.n, decision.census) == (8, False)


# How many there are


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


def test_a_look_where_there_is_nothing_to_look_at_says_where_to_look(model, file):
    task = cc.Task.from_records(file(12, stream="test"))
    for ask in (lambda: task.logit_diff(model).estimate(4), lambda: task.prompts(4, model=model)):
        with pytest.raises(BadTask, match=r'0 prompts in its discovery stream.*on_stream\("test"\)'):
            ask()
