"""Each wrong verdict has at most half of alpha: how often each interval lies wholly on the wrong side, for each side alone.

The two-sided coverage of means of skewed data is in `test_coverage_table`; proportions and shares over many looks are in
`test_coverage`, `test_betting` and `test_shares_over_looks`; clusters and paired differences in files of their own.
"""

import math

import numpy as np
import pytest
from scipy.stats import binom

from circuitcheck.stats import (
    between_clusters,
    clopper_pearson,
    fieller,
    hall,
    quantile_interval,
    skew_guarded,
    student_t,
)

TAIL, RUNS = 0.025, 3000
METHODS = {
    "student_t": lambda row: student_t(row, TAIL),
    "hall": lambda row: hall(row, TAIL),
    "skew_guarded": lambda row: skew_guarded(row, TAIL),
}


def standard_error(p, runs=RUNS):
    return math.sqrt(p * (1 - p) / runs)


def tail_misses(intervals, truth):
    """Shares of intervals wholly (below, above) the truth."""
    return np.mean([i.high < truth for i in intervals]), np.mean([i.low > truth for i in intervals])


@pytest.mark.parametrize("method", ["student_t", "skew_guarded"])
def test_means_of_normal_data_are_missed_at_most_nominally_on_each_side(method):
    rows = np.random.default_rng(20).normal(3, 2, (RUNS, 32))
    below, above = tail_misses(list(map(METHODS[method], rows)), 3)
    assert max(below, above) <= TAIL + 3 * standard_error(TAIL)


def test_student_t_uses_up_its_nominal_error_on_each_side_of_normal_data():
    rows = np.random.default_rng(20).normal(3, 2, (RUNS, 32))
    below, above = tail_misses([student_t(row, TAIL) for row in rows], 3)
    assert min(below, above) >= TAIL - 3 * standard_error(TAIL)


@pytest.mark.parametrize("tail", [0.1, 0.005])
def test_the_error_on_each_side_of_student_t_is_the_one_asked_for(tail):
    rows = np.random.default_rng(21).normal(size=(RUNS, 8))
    for missed in tail_misses([student_t(row, tail) for row in rows], 0):
        assert missed == pytest.approx(tail, abs=3 * standard_error(tail))


def test_balanced_normal_clusters_are_missed_nominally_on_each_side():
    rng = np.random.default_rng(23)
    rows = (rng.normal(size=(RUNS, 8, 1)) + rng.normal(size=(RUNS, 8, 4))).reshape(RUNS, 32)
    for missed in tail_misses([between_clusters(row, np.repeat(np.arange(8), 4), TAIL) for row in rows], 0):
        assert 0.01 <= missed <= TAIL + 3 * standard_error(TAIL)


@pytest.mark.parametrize("n", [16, 32])
@pytest.mark.parametrize("method", ["student_t", "skew_guarded"])
@pytest.mark.sampled(1)
def test_heavy_tails_are_missed_at_most_nominally_on_each_side(method, n):
    rows = np.random.default_rng(25).standard_t(3, (RUNS, n))
    assert max(tail_misses(list(map(METHODS[method], rows)), 0)) <= TAIL + 3 * standard_error(TAIL)


@pytest.mark.parametrize(
    "method, below, above",
    [("student_t", 0.113, 0.002), ("hall", 0.063, 0.013), ("skew_guarded", 0.041, 0.002)],
)
def test_lognormal_means_are_missed_from_below_and_hardly_ever_from_above(method, below, above):
    rows = np.random.default_rng(26).lognormal(0, 1, (RUNS, 32))
    missed_below, missed_above = tail_misses(list(map(METHODS[method], rows)), math.exp(0.5))
    assert missed_below == pytest.approx(below, abs=3 * standard_error(below) + 0.001)
    assert missed_above == pytest.approx(above, abs=3 * standard_error(above) + 0.001)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_side_of_the_misses_follows_the_side_of_the_skew(mirrored):
    sign = -1 if mirrored else 1
    rows = sign * np.random.default_rng(27).lognormal(0, 1, (RUNS, 32))
    below, above = tail_misses([student_t(row, TAIL) for row in rows], sign * math.exp(0.5))
    assert (below < above) == mirrored


# Ratios


@pytest.mark.parametrize("n", [16, 64])
@pytest.mark.parametrize("centre", [2.0, -2.0])
@pytest.mark.sampled(1)
def test_fieller_with_a_normal_denominator_misses_nominally_on_each_side(centre, n):
    rng = np.random.default_rng(28)
    bottom = rng.normal(centre, 1, (RUNS, n))
    top = 0.7 * bottom + rng.normal(0, 1, (RUNS, n))
    below, above = tail_misses([fieller(a, b, TAIL) for a, b in zip(top, bottom, strict=True)], 0.7)
    assert 1 - below - above == pytest.approx(0.9505, abs=0.0035 + 3 * standard_error(0.05))
    assert max(below, above) <= TAIL + 3 * standard_error(TAIL)


# Proportions and quantiles, exactly


@pytest.mark.parametrize("n", [10, 32, 100, 256])
def test_clopper_pearson_comes_close_to_its_nominal_error_for_some_proportion(n):
    low = np.array([clopper_pearson(s, n, 0.05).low for s in range(n + 1)])
    p = np.linspace(0.001, 0.999, 1999)[:, None]
    assert (binom.pmf(np.arange(n + 1), n, p) * (low > p)).sum(axis=1).max() >= 0.024


@pytest.mark.parametrize("q", [0.5, 0.25, 0.9])
@pytest.mark.parametrize("n", [5, 16, 32, 101, 512])
def test_quantiles_of_continuous_data_are_missed_at_most_nominally_on_each_side_at_no_needless_rank(q, n):
    ranks = np.arange(1.0, n + 1)
    interval = quantile_interval(ranks, q, TAIL)
    below, above = binom.sf(interval.high - 1, n, q), binom.cdf(interval.low - 1, n, q)
    assert max(below, above) <= 0.025
    assert interval.high == math.inf or binom.sf(interval.high - 2, n, q) > 0.025
    assert interval.low == -math.inf or binom.cdf(interval.low, n, q) > 0.025


def test_medians_of_skewed_data_are_missed_at_most_nominally_on_each_side():
    rows = np.random.default_rng(29).lognormal(0, 1, (RUNS, 32))
    intervals = [quantile_interval(row, 0.5, TAIL) for row in rows]
    assert max(tail_misses(intervals, 1.0)) <= TAIL + 3 * standard_error(TAIL)
    assert min(tail_misses(intervals, 1.0)) >= 0.002
