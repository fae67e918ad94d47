"""The table of coverages of nominal 95%: every row of Student t, and what `test_coverage` leaves of the hull."""

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
HULL = {
    "normal": (0.956, 0.958, 0.953, 0.950, 0.952),
    "lognormal": (0.918, 0.934, 0.944, 0.955, 0.958),
    "t3": (0.956, 0.956, 0.954, 0.955, 0.951),
}
WIDTHS = {
    "normal": (1.05, 1.02, 1.01, 1.01, 1.00),
    "lognormal": (1.79, 1.68, 1.52, 1.36, 1.14),
    "t3": (1.31, 1.22, 1.16, 1.11, 1.06),
}
CELLS = [(law, n) for law in LAWS for n in SIZES]


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


@pytest.mark.parametrize("law, n, coverage", cells(STUDENT))
def test_student_t_covers_as_the_table_says(law, n, coverage):
    assert 1 - sum(misses(student_t, law, n)) == pytest.approx(coverage, abs=3 * standard_error(coverage) + 0.005)


@pytest.mark.parametrize("law, n, coverage", cells(HULL, (16, 64, 512)))
def test_skew_guarded_covers_as_the_table_says(law, n, coverage):
    assert 1 - sum(misses(skew_guarded, law, n)) == pytest.approx(coverage, abs=3 * standard_error(coverage) + 0.005)


@pytest.mark.parametrize("law, n, ratio", cells(WIDTHS, (16, 64, 512)))
def test_mean_width_of_skew_guarded_over_that_of_student_t_is_as_the_table_says(law, n, ratio):
    width, by_t = (np.diff(ends(method, law, n), axis=0)[0] for method in (skew_guarded, student_t))
    error = np.std(width - ratio * by_t) / by_t.mean() / math.sqrt(RUNS)
    assert width.mean() / by_t.mean() == pytest.approx(ratio, abs=3 * error + 0.01)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("law", ["normal", "t3"])
def test_student_t_misses_symmetric_means_at_most_nominally_on_each_side(law, n):
    assert max(misses(student_t, law, n)) <= 0.025 + 3 * standard_error(0.025)


@pytest.mark.parametrize("n", SIZES)
def test_student_t_misses_lognormal_means_from_below_many_times_as_often_as_nominally(n):
    below, above = misses(student_t, "lognormal", n)
    expected = 1 - STUDENT["lognormal"][SIZES.index(n)]
    assert above <= 0.012
    assert below == pytest.approx(expected - above, abs=3 * standard_error(expected) + 0.005)
