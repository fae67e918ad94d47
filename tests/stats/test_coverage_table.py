"""How often intervals of nominal 95% hold the mean, and how wide they are: the specification's table for Student t, and
the same table for the interval that verdicts use, as measured (12,000 samples each, 6,000 of 512)."""

import math
from functools import cache

import numpy as np
import pytest

from circuitcheck.stats import skew_guarded, student_t

RUNS = 2500
SIZES = (16, 32, 64, 128, 512)
LAWS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "lognormal": (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5)),
    "t3": (lambda rng, shape: rng.standard_t(3, shape), 0.0),
}
STUDENT = {
    "normal": (0.949, 0.947, 0.952, 0.952, 0.949),
    "lognormal": (0.860, 0.877, 0.898, 0.931, 0.938),
    "t3": (0.963, 0.957, 0.948, 0.953, 0.954),
}
GUARDED = {
    "normal": (0.959, 0.957, 0.953, 0.955, 0.950),
    "lognormal": (0.936, 0.957, 0.966, 0.967, 0.966),
    "t3": (0.962, 0.957, 0.957, 0.954, 0.952),
}
WIDTHS = {
    "normal": (1.10, 1.04, 1.02, 1.01, 1.00),
    "lognormal": (1.98, 2.01, 1.92, 1.70, 1.29),
    "t3": (1.46, 1.36, 1.26, 1.18, 1.10),
}


def cells(table, sizes=SIZES):
    return [(law, n, table[law][SIZES.index(n)]) for law in LAWS for n in sizes]


def standard_error(p):
    return math.sqrt(p * (1 - p) / RUNS)


@cache
def ends(method, law, n):
    """Lower and upper ends for the same rows of data whatever the method."""
    rows = LAWS[law][0](np.random.default_rng(1000 + n), (RUNS, n))
    return np.array([(i.low, i.high) for i in (method(row, 0.025) for row in rows)]).T


def misses(method, law, n):
    """Shares of samples whose interval lies wholly (below, above) the mean."""
    low, high = ends(method, law, n)
    return np.mean(high < LAWS[law][1]), np.mean(low > LAWS[law][1])


@pytest.mark.sampled(5)
@pytest.mark.parametrize("law, n, coverage", cells(STUDENT))
def test_student_t_covers_as_the_table_says(law, n, coverage):
    assert 1 - sum(misses(student_t, law, n)) == pytest.approx(coverage, abs=3 * standard_error(coverage) + 0.005)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("law, n, coverage", cells(GUARDED, (16, 32, 128)))
def test_skew_guarded_covers_as_the_table_says(law, n, coverage):
    assert 1 - sum(misses(skew_guarded, law, n)) == pytest.approx(coverage, abs=3 * standard_error(coverage) + 0.005)


@pytest.mark.parametrize("law, n, ratio", cells(WIDTHS, (16, 32, 128)))
def test_mean_width_of_skew_guarded_over_that_of_student_t_is_as_the_table_says(law, n, ratio):
    width, by_t = (np.diff(ends(method, law, n), axis=0)[0] for method in (skew_guarded, student_t))
    error = np.std(width - ratio * by_t) / by_t.mean() / math.sqrt(RUNS)
    assert width.mean() / by_t.mean() == pytest.approx(ratio, abs=3 * error + 0.01)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("law", ["normal", "t3"])
def test_student_t_misses_symmetric_means_at_most_nominally_on_each_side(law, n):
    assert max(misses(student_t, law, n)) <= 0.025 + 3 * standard_error(0.025)


@pytest.mark.parametrize("n, below", [(16, 0.063), (32, 0.041), (128, 0.027)])
def test_skew_guarded_misses_lognormal_means_from_below_almost_only(n, below):
    miss_below, miss_above = misses(skew_guarded, "lognormal", n)
    assert miss_above <= 0.01
    assert miss_below == pytest.approx(below, abs=3 * standard_error(below) + 0.005)


@pytest.mark.parametrize("n", SIZES)
def test_student_t_misses_lognormal_means_from_below_many_times_as_often_as_nominally(n):
    below, above = misses(student_t, "lognormal", n)
    expected = 1 - STUDENT["lognormal"][SIZES.index(n)]
    assert above <= 0.012
    assert below == pytest.approx(expected - above, abs=3 * standard_error(expected) + 0.005)
