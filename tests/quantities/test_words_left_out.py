"""A result names the words of its task's pools that the tokenizer leaves out, and says nothing where none is."""

import pytest

import circuitcheck as cc
from circuitcheck.quantities.questions import pools

NAMES = ("Mary", "John", "Tom", "James", "Paul", "Anna", "Emma", "Peter")
LONGER = (*NAMES, "Mary!", "John!", "Tom!", "Paul!")


def said_of(names, model, chosen=lambda task: task):
    task = cc.Task.define(
        "mine",
        templates={"met": "Then {A} met {B} and"},
        pools={"name": names},
        draw={"A": "name", "B": "name"},
        answer="A",
        distractor="B",
    )
    result = (chosen(task).logit_diff(model) < 100).decide(samples=32)
    return [each for each in result.warnings if each.startswith("no prompt has")]


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2))


def test_words_that_do_not_fit_are_named(model):
    (said,) = said_of(LONGER, model)
    assert "4 of the 12 words of pool 'name' ('Mary!', 'John!', 'Tom!', ...)" in said
    assert said_of(NAMES, model) == []


def test_they_are_named_where_prompts_were_chosen_by_a_condition(model):
    (said,) = said_of(LONGER, model, lambda task: task.where(task.logit_diff(model) > -100))
    assert "4 of the 12 words" in said


def test_nothing_is_said_of_pools_that_come_with_the_package(model, monkeypatch):
    monkeypatch.setattr(pools, "_built_in_pools", lambda: {LONGER})
    assert said_of(LONGER, model) == []


def test_pools_that_come_with_the_package_are_known():
    ioi = cc.tasks.ioi().split_templates()[0].definition
    assert {pool.items for pool in ioi.pools} <= pools._built_in_pools()
