"""Equivalence by two one-sided t tests, and how many prompts resolve a distance."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, ttest_1samp
from statsmodels.stats.weightstats import DescrStatsW

from circuitcheck.stats import prompts_to_resolve, student_t, tost

quick = settings(deadline=None, max_examples=60, derandomize=True)
seeds = st.integers(0, 10**6)
margins = st.floats(0.01, 3)
tails = st.sampled_from([0.2, 0.05, 0.025, 0.001])


def sample(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(rng.uniform(-1, 1), rng.uniform(0.1, 2), rng.integers(2, 60))


@quick
@given(seeds, margins, tails)
def test_the_p_value_is_the_larger_of_two_one_sided_t_tests(seed, margin, tail):
    values = sample(seed)
    above_lower = ttest_1samp(values, -margin, alternative="greater").pvalue
    below_upper = ttest_1samp(values, margin, alternative="less").pvalue
    assert tost(values, margin, tail).p == pytest.approx(max(above_lower, below_upper), rel=1e-9)


@quick
@given(seeds, margins)
def test_the_p_value_is_that_of_statsmodels(seed, margin):
    values = sample(seed)
    expected, _, _ = DescrStatsW(values).ttost_mean(-margin, margin)
    assert tost(values, margin, 0.025).p == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds, margins, tails)
def test_equivalent_means_that_the_t_interval_lies_inside_the_margin(seed, margin, tail):
    values = sample(seed)
    result, interval = tost(values, margin, tail), student_t(values, tail)
    assert (result.interval.low, result.interval.high) == pytest.approx((interval.low, interval.high))
    assert result.margin == margin
    assert result.equivalent == (-margin < interval.low and interval.high < margin)
    assert result.equivalent == (result.p <= tail)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_equivalence_is_lost_exactly_where_the_interval_reaches_the_margin(sign, inside):
    values = sign * np.random.default_rng(1).normal(0.2, 1, 40)
    interval = student_t(values, 0.025)
    reach = max(-interval.low, interval.high)
    assert tost(values, reach * (1 + 1e-9 if inside else 1 - 1e-9), 0.025).equivalent == inside


@quick
@given(seeds, margins, st.floats(1.0, 5))
def test_a_wider_margin_never_loses_equivalence(seed, margin, factor):
    values = sample(seed)
    assert tost(values, factor * margin, 0.025).p <= tost(values, margin, 0.025).p * (1 + 1e-9)


@quick
@given(seeds, margins)
def test_equivalence_does_not_depend_on_the_sign_of_the_difference(seed, margin):
    values = sample(seed)
    assert tost(-values, margin, 0.025).p == pytest.approx(tost(values, margin, 0.025).p, rel=1e-9)


@quick
@given(seeds, margins, st.floats(0.01, 100))
def test_equivalence_does_not_depend_on_the_unit(seed, margin, scale):
    values = sample(seed)
    assert tost(scale * values, scale * margin, 0.025).p == pytest.approx(tost(values, margin, 0.025).p, rel=1e-6)


@pytest.mark.parametrize("value, equivalent", [(0.0, True), (0.3, True), (-0.3, True), (0.6, False), (-0.6, False)])
def test_constant_differences_are_equivalent_where_they_lie_inside_the_margin(value, equivalent):
    result = tost(np.full(16, value), 0.5, 0.025)
    assert result.equivalent == equivalent
    assert result.p == (0 if equivalent else 1)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_a_margin_that_is_not_positive_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        tost(np.arange(8.0), margin, 0.025)


def test_equivalence_needs_two_values():
    with pytest.raises(ValueError):
        tost(np.array([0.0]), 1.0, 0.025)


@pytest.mark.parametrize("truth", [0.5, -0.5])
@pytest.mark.parametrize("n, spread", [(16, 0.4), (64, 1.0)])
def test_a_true_difference_at_the_margin_is_called_equivalent_at_most_nominally(truth, n, spread):
    runs = 3000
    rows = np.random.default_rng(2).normal(truth, spread, (runs, n))
    wrong = np.mean([tost(row, 0.5, 0.025).equivalent for row in rows])
    assert wrong <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / runs)
    assert wrong >= 0.025 - 3 * math.sqrt(0.025 * 0.975 / runs)


def test_too_few_prompts_for_the_margin_never_show_equivalence():
    rows = np.random.default_rng(3).normal(0, 1, (500, 16))
    assert not any(tost(row, 0.2, 0.025).equivalent for row in rows)


def test_no_difference_is_called_equivalent_as_often_as_the_power_of_two_normal_tests():
    runs, n = 2000, 256
    rows = np.random.default_rng(4).normal(0, 1, (runs, n))
    power = 2 * norm.cdf(0.2 * math.sqrt(n) - norm.isf(0.025)) - 1
    found = np.mean([tost(row, 0.2, 0.025).equivalent for row in rows])
    assert found == pytest.approx(power, abs=3 * math.sqrt(power * (1 - power) / runs) + 0.01)


# Planning


@pytest.mark.parametrize(
    "spread, distance, options, prompts",
    [(1, 0.2, {}, 197), (1, 0.1, {}, 785), (3, 0.1, {}, 7064), (1, 0.1, {"power": 0.5}, 385),
     (1, 0.2, {"tail": 0.005}, 292)],
)  # fmt: skip
def test_prompts_to_resolve_by_hand(spread, distance, options, prompts):
    assert prompts_to_resolve(spread, distance, **options) == prompts


@quick
@given(st.floats(0.1, 10), st.floats(0.05, 5), st.sampled_from([0.025, 0.001]), st.sampled_from([0.5, 0.8, 0.95]))
def test_prompts_to_resolve_are_the_fewest_that_give_a_normal_test_its_power(spread, distance, tail, power):
    n = prompts_to_resolve(spread, distance, tail=tail, power=power)

    def reached(count):
        return norm.cdf(distance * math.sqrt(count) / spread - norm.isf(tail))

    assert isinstance(n, int)
    assert reached(n) >= power - 1e-9
    assert n == 1 or reached(n - 1) < power + 1e-9


@pytest.mark.parametrize("spread, distance", [(1, 0), (1, -0.2), (0, 0.2), (-1, 0.2), (1, math.nan), (math.nan, 1)])
def test_no_number_of_prompts_resolves_what_is_no_distance_or_no_spread(spread, distance):
    with pytest.raises(ValueError, match="distance"):
        prompts_to_resolve(spread, distance)
