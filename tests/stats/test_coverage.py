"""How often each interval misses, on each side, against the measured tables of the specification."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from circuitcheck.stats import beta_binomial_sequence, clopper_pearson, skew_guarded, student_t

RUNS = 8000
LOOKS = (32, 64, 128, 256, 512)
PROPORTIONS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
LAWS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "lognormal": (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5)),
    "t3": (lambda rng, shape: rng.standard_t(3, shape), 0.0),
}


def standard_error(p, runs):
    return math.sqrt(p * (1 - p) / runs)


@cache
def misses(method, law, n, runs=RUNS):
    """Shares of samples whose interval lies wholly (below, above) the mean."""
    sample, mean = LAWS[law]
    intervals = [method(row, 0.025) for row in sample(np.random.default_rng(n), (runs, n))]
    return np.mean([i.high < mean for i in intervals]), np.mean([i.low > mean for i in intervals])


@pytest.mark.parametrize(
    "law, n, coverage",
    [("normal", 32, 0.958), ("normal", 128, 0.950), ("lognormal", 32, 0.934), ("lognormal", 128, 0.955),
     ("t3", 32, 0.956), ("t3", 128, 0.954)],
)  # fmt: skip
def test_skew_guarded_covers_as_the_table_says(law, n, coverage):
    measured = 1 - sum(misses(skew_guarded, law, n))
    assert measured == pytest.approx(coverage, abs=4 * standard_error(coverage, RUNS) + 0.005)


@pytest.mark.parametrize("n", [32, 128])
@pytest.mark.parametrize("law", ["normal", "t3"])
def test_skew_guarded_misses_at_most_nominally_on_each_side_of_symmetric_data(law, n):
    assert max(misses(skew_guarded, law, n)) <= 0.025 + 4 * standard_error(0.025, RUNS) + 0.005


@pytest.mark.parametrize("n, below", [(32, 0.066), (128, 0.045)])
def test_skew_guarded_misses_lognormal_means_from_below_almost_only(n, below):
    miss_below, miss_above = misses(skew_guarded, "lognormal", n)
    assert miss_above <= 0.025
    assert miss_below <= below + 4 * standard_error(below, RUNS) + 0.005


def test_student_t_misses_lognormal_means_asymmetrically_as_the_text_says():
    miss_below, miss_above = misses(student_t, "lognormal", 32, 3000)
    assert miss_below == pytest.approx(0.120, abs=4 * standard_error(0.120, 3000) + 0.005)
    assert miss_above == pytest.approx(0.003, abs=4 * standard_error(0.003, 3000) + 0.005)


@pytest.mark.parametrize("n", [1, 5, 16, 32, 100, 512])
def test_clopper_pearson_misses_at_most_nominally_on_each_side_for_every_proportion(n):
    intervals = [clopper_pearson(s, n, 0.05) for s in range(n + 1)]
    low, high = np.array([i.low for i in intervals]), np.array([i.high for i in intervals])
    p = np.linspace(0.0005, 0.9995, 400)[:, None]
    mass = binom.pmf(np.arange(n + 1), n, p)
    assert np.sum(mass * (low > p), axis=1).max() <= 0.025 + 1e-9
    assert np.sum(mass * (high < p), axis=1).max() <= 0.025 + 1e-9


def exact_misses(p, times, accepts):
    """Exact probabilities that a sequence ever lies wholly (below, above) `p`, looked at `times`."""
    alive, below, above, before = np.ones(1), 0.0, 0.0, 0
    for n in times:
        alive = np.convolve(alive, binom.pmf(np.arange(n - before + 1), n - before, p))
        side = accepts(n, p)
        below += alive[side < 0].sum()
        above += alive[side > 0].sum()
        alive, before = np.where(side == 0, alive, 0.0), n
    return below, above


@cache
def sequence_ends(n):
    intervals = [beta_binomial_sequence(s, n, 0.05) for s in range(n + 1)]
    return np.array([i.low for i in intervals]), np.array([i.high for i in intervals])


def sequence_side(n, p):
    low, high = sequence_ends(n)
    return (low > p).astype(int) - (high < p).astype(int)


@pytest.mark.parametrize("p", PROPORTIONS)
def test_beta_binomial_looked_at_by_doubling_misses_at_most_alpha(p):
    assert sum(exact_misses(p, LOOKS, sequence_side)) <= 0.05


@pytest.mark.parametrize("p", PROPORTIONS)
def test_beta_binomial_looked_at_by_doubling_gives_each_wrong_verdict_at_most_half_of_alpha(p):
    assert max(exact_misses(p, LOOKS, sequence_side)) <= 0.025


@pytest.mark.parametrize("p", PROPORTIONS)
def test_beta_binomial_looked_at_after_every_one_of_128_prompts_misses_at_most_alpha(p):
    assert sum(exact_misses(p, range(1, 129), sequence_side)) <= 0.05
