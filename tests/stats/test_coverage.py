"""How often each interval for a proportion misses, on each side: exact, whatever the proportion."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from circuitcheck.stats import beta_binomial_sequence, clopper_pearson

LOOKS = (32, 64, 128, 256, 512)
PROPORTIONS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


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
