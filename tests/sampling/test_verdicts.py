"""Verdicts, and what gives none."""

import math

import numpy as np
import pytest
from drawing import (
    NO_TASK,
    ONE_LOOK,
    Prompts,
    bounded,
    bounded_ratio,
    decided,
    median,
    normal,
    ratio,
    real,
    share,
)

from circuitcheck.sampling import (
    Above,
    Below,
    Design,
    Outside,
    Within,
    decide,
    estimate,
)
from circuitcheck.stats import (
    fieller,
    skew_guarded,
)


@pytest.mark.parametrize(
    "mean, region, verdict",
    [
        (0.0, Below(2), "supported"),
        (4.0, Below(2), "refuted"),
        (4.0, Above(2), "supported"),
        (0.0, Above(2), "refuted"),
        (0.0, Within(0, 2), "supported"),
        (4.0, Within(0, 2), "refuted"),
        (-4.0, Within(0, 2), "refuted"),
        (4.0, Outside(0, 2), "supported"),
        (-4.0, Outside(0, 2), "supported"),
        (0.0, Outside(0, 2), "refuted"),
        (2.0, Outside(0, 0), "supported"),
    ],
)
def test_verdict_of_a_clear_case(mean, region, verdict):
    decision = decided([normal(mean)], real, region)
    assert (decision.verdict, decision.n) == (verdict, 32)


@pytest.mark.parametrize("region", [Below(0), Above(0), Within(0, 1e-3), Outside(0, 0), Within(0.5, 0.5)])
def test_a_number_at_the_edge_of_the_region_stays_inconclusive(region):
    decision = decided([normal() - normal().mean()], real, region)
    assert (decision.verdict, decision.n) == ("inconclusive", 512)
    assert decision.reason


@pytest.mark.parametrize(
    "build, columns, threshold",
    [
        (share, [normal(2) > 0], 0.5),
        (bounded, [np.random.default_rng(1).beta(8, 2, 512)], 0.3),
        (median, [normal(3)], 1.0),
        (ratio, [normal(6), normal(5, seed=1)], 0.5),
        (bounded_ratio, [np.random.default_rng(2).beta(8, 2, 512), np.random.default_rng(3).beta(5, 5, 512)], 0.5),
    ],
)
def test_each_estimand_supports_and_refutes(build, columns, threshold):
    assert decided(columns, build, Above(threshold)).verdict == "supported"
    assert decided(columns, build, Below(threshold)).verdict == "refuted"


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_a_quantile_below_a_threshold_is_shown_whatever_the_tail_beyond_it(threshold):
    values = np.where(np.arange(512) % 8 == 0, 1e12, 0.01 * normal())
    assert decided([values], median, Below(threshold)).verdict == "supported"


# Refusals


@pytest.mark.parametrize("columns", [[normal(2), -2 + 0.1 * normal(seed=1)], [normal(2), normal(-2, seed=1)]])
@pytest.mark.parametrize("region", [Below(5), Above(-5), Within(0, 50), Outside(20, 1)])
def test_a_negative_denominator_gives_no_verdict_on_a_ratio(columns, region):
    decision = decided(columns, ratio, region)
    assert decision.verdict == "inconclusive"
    assert decision.reason.startswith(NO_TASK)


@pytest.mark.parametrize("region", [Below(5), Above(-5), Within(0, 50), Outside(20, 1)])
def test_a_weak_denominator_gives_no_verdict_on_a_ratio(region):
    weak = normal(seed=1) - normal(seed=1).mean()
    decision = decided([normal(0.1), weak], ratio, region)
    assert (decision.verdict, decision.n) == ("inconclusive", 512)
    assert decision.reason.startswith(NO_TASK)


def test_a_bounded_denominator_not_shown_above_zero_gives_no_verdict_on_a_ratio():
    decision = decided([np.full(512, 0.5), np.zeros(512)], bounded_ratio, Above(0.1))
    assert decision.verdict == "inconclusive"
    assert decision.reason.startswith(NO_TASK)


def test_a_negative_denominator_gives_no_verdict_when_every_prompt_was_measured():
    decision = decided([normal(1, n=20), -2 + normal(n=20)], ratio, Below(5), Design(population=20, census=True))
    assert decision.verdict == "inconclusive"
    assert decision.reason.startswith(NO_TASK)


@pytest.mark.parametrize("region", [Below(5), Above(-5), Within(0, 3), Outside(9, 1)])
def test_values_without_variance_give_no_verdict(region):
    decision = decided([np.ones(512)], real, region)
    assert (decision.verdict, decision.n_more) == ("inconclusive", ())
    assert decision.reason


@pytest.mark.parametrize("noise", [0.0, 1e-9, 8e-6], ids=["equal", "equal up to rounding", "rounded in other layers"])
@pytest.mark.parametrize("region", [Below(5), Above(5), Within(1, 0.1), Outside(1, 0.1), Outside(0, 0.1)])
def test_prompts_that_all_agree_say_nothing_of_prompts_that_differ(region, noise):
    values = np.ones(512) + noise * (np.arange(512) % 2)
    decision = decided([values], real, region)
    assert (decision.verdict, decision.n) == ("inconclusive", 512)
    assert "values are equal (1)" in decision.reason
    assert "forall" in decision.reason


def test_values_that_differ_by_more_than_rounding_do_not_agree():
    values = np.ones(32) + 2e-6 * np.arange(32)
    assert decided([values], real, Within(1, 0.1), ONE_LOOK).verdict == "supported"


def test_values_with_bounds_that_all_agree_have_a_verdict():
    assert decided([np.full(512, 0.75)], bounded, Within(0.75, 0.1)).verdict == "supported"


@pytest.mark.parametrize("factor, region", [(1.0, Within(1, 0.1)), (0.3, Below(0.5)), (0.3, Above(0.5))])
def test_a_ratio_that_is_the_same_on_every_prompt_gives_no_verdict(factor, region):
    denominator = 2 + np.random.default_rng(0).random(512)
    decision = decided([factor * denominator, denominator], ratio, region)
    assert decision.verdict == "inconclusive"
    assert f"the ratio is {factor:g} on each of 512 prompts" in decision.reason


def test_a_plan_never_asks_for_more_prompts_than_there_are():
    decision = decided([normal(0.02, n=600)], real, Below(0), Design(population=600))
    assert decision.verdict == "inconclusive"
    assert all(count is None or count <= 600 - 512 for _, count in decision.n_more)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95])
def test_an_estimate_refuses_a_confidence_that_is_none(confidence):
    with pytest.raises(ValueError, match="0.95"):
        estimate(lambda rows: normal(n=32)[None, rows.start : rows.stop], real, 32, confidence, None)


@pytest.mark.parametrize("build", [share, bounded])
def test_exact_methods_need_no_variance(build):
    assert decided([np.ones(512)], build, Above(0.5)).verdict == "supported"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("position, n", [(0, 32), (31, 32), (40, 48), (200, 256)])
def test_a_value_that_is_no_number_ends_the_drawing_without_a_verdict(bad, position, n):
    values = normal() - normal().mean()
    values[position] = bad
    prompts = Prompts(values)
    decision = decide(prompts, real, Below(0), Design())
    assert (decision.verdict, decision.n, decision.n_more) == ("inconclusive", n, ())
    assert prompts.drawn[-1].stop == n


@pytest.mark.parametrize("build", [share, bounded, median, bounded_ratio])
def test_no_estimand_gives_a_verdict_on_nan(build):
    values = np.r_[math.nan, np.ones(511)]
    assert decided([values, np.ones(512)], build, Above(0.1)).verdict == "inconclusive"


def half_tied(ties):
    values = normal()
    values[:ties] = 0.0
    return values


@pytest.mark.parametrize("ties, n", [(16, 32), (17, 48), (24, 48), (25, 64), (59, 64), (60, 96)])
def test_more_than_half_ties_need_64_prompts_and_five_others(ties, n):
    assert decided([half_tied(ties)], real, Below(5)).n == n


def test_more_than_half_ties_within_a_budget_of_32_give_no_verdict():
    decision = decided([half_tied(20)], real, Below(5), ONE_LOOK)
    assert decision.verdict == "inconclusive"
    assert "64 prompts" in decision.reason


# Warnings


@pytest.mark.parametrize(
    "outlier, region, warned",
    [(2.0, Below(1), False), (50.0, Below(15), True), (50.0, Below(1e3), False), (50.0, Above(-3), False),
     (-50.0, Above(-15), True), (-50.0, Below(3), False)],
)  # fmt: skip
def test_values_skewed_towards_a_threshold_close_by_bring_a_warning(outlier, region, warned):
    decision = decided([np.r_[outlier, normal(n=31)]], real, region, ONE_LOOK)
    assert decision.verdict == "supported"
    assert any("skewed towards the threshold" in warning for warning in decision.warnings) == warned


def test_an_estimate_of_very_skewed_values_brings_a_warning():
    skewed = np.r_[50.0, normal(n=31)]
    assert "skewed" in estimate(Prompts(skewed), real, 32, 0.95, None).warnings[0]
    assert estimate(Prompts(normal(n=32)), real, 32, 0.95, None).warnings == ()


@pytest.mark.parametrize(
    "region, verdict, warned",
    [(Outside(0, 0.01), "supported", True), (Within(0, 0.01), "refuted", True), (Within(1, 0.5), "supported", False),
     (Outside(1, 0.5), "refuted", False), (Outside(5, 2), "supported", False)],
)  # fmt: skip
def test_a_verdict_that_may_come_from_either_side_says_so_where_both_errors_add_up(region, verdict, warned):
    decision = decided([normal(1.0)], real, region)
    assert decision.verdict == verdict
    assert any("wrong at most 5% of the time, not 2.5%" in warning for warning in decision.warnings) == warned


def test_bounded_values_outside_their_bounds_are_refused():
    with pytest.raises(ValueError):
        decided([normal()], bounded, Below(0.5))


def test_bounded_values_that_drift_within_a_look_are_judged_as_if_shuffled():
    drifting = np.r_[np.full(100, 0.9), np.full(412, 0.1)]
    shuffled = np.random.default_rng(0).permutation(drifting)
    one, other = (decided([values], bounded, Below(0.5), Design(first=512)) for values in (drifting, shuffled))
    assert (one.verdict, one.low, one.high) == pytest.approx((other.verdict, other.low, other.high))


# The whole population


@pytest.mark.parametrize("build", [real, share, bounded, median])
def test_a_census_gives_its_exact_value(build):
    ordered = np.r_[np.zeros(20), np.ones(20)] if build is share else np.linspace(0.3, 0.7, 40)
    values = np.random.default_rng(1).permutation(ordered)
    decision = decided([values], build, Above(0.49999), Design(population=40, census=True))
    assert (decision.verdict, decision.n, decision.census) == ("supported", 40, True)
    assert (decision.low, decision.estimate, decision.high) == pytest.approx((0.5, 0.5, 0.5))
    assert decision.looks[-1] == pytest.approx((40, 0.5, 0.5))


def test_a_census_of_a_ratio_gives_its_exact_value():
    columns = normal(1, n=20), normal(3, n=20, seed=1)
    exact = columns[0].mean() / columns[1].mean()
    decision = decided(columns, ratio, Below(exact + 1e-9), Design(population=20, census=True))
    assert (decision.verdict, decision.census) == ("supported", True)
    assert (decision.low, decision.high) == pytest.approx((exact, exact))


def test_a_census_without_variance_has_a_verdict():
    assert decided([np.ones(40)], real, Below(1.5), Design(population=40, census=True)).verdict == "supported"


@pytest.mark.parametrize("region", [Below(1), Above(1), Within(0, 1)])
def test_an_exact_value_on_the_edge_of_an_open_region_lies_outside_it(region):
    assert decided([np.ones(40)], real, region, Design(population=40, census=True)).verdict == "refuted"


def test_a_population_beyond_the_budget_is_a_sample():
    decision = decided([normal()], real, Below(0), Design(population=513))
    assert (decision.n, decision.census) == (512, False)
    assert decision.low < decision.high


@pytest.mark.parametrize("build", [real, share, bounded, median])
def test_all_the_prompts_there_are_remain_a_sample_unless_the_claim_is_about_no_others(build):
    values = (normal(n=40) > 0).astype(float) if build is share else (normal(n=40) + 5) / 10
    decision = decided([values], build, Above(values.mean() - 0.001), Design(population=40))
    assert (decision.verdict, decision.n, decision.census) == ("inconclusive", 40, False)
    assert decision.low < decision.estimate < decision.high
    assert decision.reason.endswith("there are no more prompts")


# Planning


@pytest.mark.parametrize("build", [real, share])
def test_more_prompts_are_planned_where_they_would_decide(build):
    values = normal(0.1) if build is real else (normal(0.1) > 0).astype(float)
    centre = values.mean() - (0.06 if build is real else 0.03)
    decision = decided([values], build, Below(centre))
    assert decision.verdict == "inconclusive"
    (half, more_half), (most, more_most) = decision.n_more
    assert (half, most) == (0.5, 0.8)
    assert 0 < more_half < more_most <= 19 * 512


def test_no_plan_is_made_at_the_threshold_itself():
    values = normal() - normal().mean()
    assert [n for _, n in decided([values], real, Below(0)).n_more] == [None, None]


@pytest.mark.parametrize("region", [Below(5), Above(5)])
def test_no_plan_comes_with_a_verdict(region):
    assert decided([normal()], real, region).n_more == ()


def test_no_plan_comes_with_a_denominator_that_shows_no_task():
    assert decided([normal(), normal(-3, seed=1)], ratio, Below(5)).n_more == ()


def test_no_plan_is_made_when_no_prompt_is_left():
    assert decided([np.ones(40)], real, Below(1), Design(population=40)).n_more == ()


# Estimates


def test_an_estimate_gives_an_interval_and_no_verdict():
    values = normal()
    expected = skew_guarded(values[:100], 0.025)
    decision = estimate(Prompts(values), real, 100, 0.95, None)
    assert (decision.verdict, decision.n, decision.n_more) == ("", 100, ())
    assert (decision.low, decision.high) == pytest.approx((expected.low, expected.high))


def test_an_estimate_of_the_whole_population_is_exact():
    decision = estimate(Prompts(normal(n=40)), real, 40, 0.95, 40)
    assert decision.census
    assert (decision.low, decision.high) == pytest.approx((normal(n=40).mean(),) * 2)


def test_the_interval_of_a_ratio_contains_the_fieller_set():
    for seed in range(20):
        columns = np.random.default_rng(seed).normal([[1], [2]], 1, (2, 64))
        reference = fieller(*columns, 0.025)
        decision = estimate(Prompts(*columns), ratio, 64, 0.95, None)
        assert decision.low <= reference.low + 1e-6
        assert decision.high >= reference.high - 1e-6
