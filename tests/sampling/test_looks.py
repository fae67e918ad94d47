"""Looks: when they come, what is drawn for them, at which level they speak."""

import itertools
import math

import numpy as np
import pytest
from drawing import (
    LOOKS,
    ONE_LOOK,
    UNIT,
    Prompts,
    bounded,
    decided,
    normal,
    real,
    share,
)

from circuitcheck.errors import BudgetTooSmall
from circuitcheck.sampling import (
    Below,
    Design,
    decide,
)
from circuitcheck.stats import (
    betting_interval,
    clopper_pearson,
    kim_demets,
    skew_guarded,
)


@pytest.mark.parametrize(
    "options, looks",
    [
        ({}, LOOKS),
        ({"maximum": 32}, (32,)),
        ({"maximum": 33}, (32, 33)),
        ({"maximum": 500}, (32, 48, 64, 96, 128, 192, 256, 384, 500)),
        ({"first": 10, "maximum": 40}, (10, 15, 20, 30, 40)),
        ({"population": 100}, (32, 48, 64, 96, 100)),
        ({"population": 512}, LOOKS),
        ({"population": 513}, LOOKS),
        ({"population": 32}, (32,)),
        ({"population": 20}, (20,)),
        ({"first": 33, "maximum": 100}, (33, 49, 66, 99, 100)),
    ],
)
def test_looks_come_half_way_to_the_double_and_at_the_double_up_to_the_budget_or_the_population(options, looks):
    assert Design(**options).looks == looks


@pytest.mark.parametrize("first, maximum", [(32, 31), (512, 32), (2, 1)])
def test_a_budget_below_the_first_look_is_refused(first, maximum):
    with pytest.raises(BudgetTooSmall):
        Design(first=first, maximum=maximum)


@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0, 1.2, -1.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError):
        Design(confidence=confidence)


def test_prompts_are_drawn_in_order_once_each_up_to_the_last_look():
    prompts = Prompts(normal())
    decide(prompts, real, Below(0), Design())
    assert prompts.drawn == [range(*ends) for ends in itertools.pairwise((0, *LOOKS))]


def test_nothing_is_drawn_after_a_verdict():
    prompts = Prompts(normal())
    decision = decide(prompts, real, Below(5), Design())
    assert prompts.drawn == [range(32)]
    assert decision.n == 32


def test_nothing_is_drawn_beyond_the_population():
    prompts = Prompts(normal(n=50))
    decide(prompts, real, Below(0), Design(population=50))
    assert prompts.drawn == [range(32), range(32, 48), range(48, 50)]


def test_the_estimand_is_built_from_all_prompts_so_far():
    sizes = []
    values = normal()

    def build(columns):
        np.testing.assert_array_equal(columns[0], values[: columns.shape[1]])
        sizes.append(columns.shape[1])
        return real(columns)

    decided([values], build, Below(0))
    assert sorted(set(sizes)) == list(LOOKS)


def test_every_look_reports_its_interval_at_the_level_of_its_boundary():
    values = normal()
    tails = kim_demets(LOOKS, 0.05, 0.75).tails
    expected = [skew_guarded(values[:n], tail) for n, tail in zip(LOOKS, tails, strict=True)]
    decision = decided([values], real, Below(0))
    assert [n for n, _, _ in decision.looks] == list(LOOKS)
    assert [low for _, low, _ in decision.looks] == pytest.approx([i.low for i in expected])
    assert [high for _, _, high in decision.looks] == pytest.approx([i.high for i in expected])


def test_a_share_is_tested_exactly_at_the_level_of_each_look():
    values = (normal() > 0).astype(float)
    decision = decided([values], share, Below(values.mean()))
    for (n, low, high), tail in zip(decision.looks, kim_demets(LOOKS, 0.05, 0.75).tails, strict=True):
        expected = clopper_pearson(int(values[:n].sum()), n, 2 * tail)
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_bet_keeps_its_level_at_every_look():
    values = np.random.default_rng(2).random(512)
    decision = decided([values], bounded, Below(values.mean()))
    for n, low, high in decision.looks:
        expected = betting_interval(values[:n], *UNIT, 0.05)
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_proportion_looked_at_once_uses_clopper_pearson():
    values = (normal(n=32) > 0).astype(float)
    expected = clopper_pearson(int(values.sum()), 32, 0.05)
    decision = decided([values], share, Below(0.5), ONE_LOOK)
    assert (decision.low, decision.high) == pytest.approx((expected.low, expected.high))


def test_the_decision_reports_its_last_look():
    decision = decided([normal()], real, Below(0.25))
    assert (decision.n, decision.low, decision.high) == decision.looks[-1]
    assert decision.estimate == pytest.approx(normal()[: decision.n].mean())
    assert decision.confidence == 0.95
