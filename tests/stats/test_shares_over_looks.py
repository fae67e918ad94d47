"""Claims on shares, looked at several times: their error and their power, exact: every count there can be."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from circuitcheck.stats import clopper_pearson, kim_demets

NINE = (32, 48, 64, 96, 128, 192, 256, 384, 512)
DESIGNS = [NINE, (16, 24, 32, 48, 64, 100), (32,), (32, 48, 64, 96, 128, 192, 256)]
TRUTHS = np.r_[0.002, 0.01, np.arange(0.05, 1, 0.05), 0.99, 0.998]


@cache
def limits(looks, alpha):
    """For each look the (low, high) of every count of successes."""
    tails = kim_demets(looks, alpha, 0.75).tails
    return [
        np.array([(i.low, i.high) for i in (clopper_pearson(k, n, 2 * tail) for k in range(n + 1))])
        for n, tail in zip(looks, tails, strict=True)
    ]


def decided(looks, alpha, truth, threshold):
    """Exactly: (shown below, shown above, mean number of prompts) for a share `truth` against `threshold`."""
    alive, below, above, prompts, before = np.ones(1), 0.0, 0.0, 0.0, 0
    for n, ends in zip(looks, limits(looks, alpha), strict=True):
        alive = np.convolve(alive, binom.pmf(np.arange(n - before + 1), n - before, truth))
        is_below, is_above = ends[:, 1] < threshold, ends[:, 0] > threshold
        stops = is_below | is_above | (n == looks[-1])
        below, above = below + alive[is_below].sum(), above + alive[is_above].sum()
        prompts += n * alive[stops].sum()
        alive, before = np.where(stops, 0.0, alive), n
    return below, above, prompts


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.002])
@pytest.mark.parametrize("looks", DESIGNS, ids=lambda looks: f"{looks[0]} to {looks[-1]}")
def test_a_share_at_its_threshold_is_decided_wrongly_at_most_half_of_alpha_on_each_side(looks, alpha):
    for truth in TRUTHS:
        below, above, _ = decided(looks, alpha, truth, truth)
        assert max(below, above) <= alpha / 2 * (1 + 1e-9)


def test_looking_nine_times_at_the_level_of_one_look_would_err_two_to_four_times_as_often():
    tails = tuple([0.025] * 9)
    alive, wrong, before = np.ones(1), 0.0, 0
    for n, tail in zip(NINE, tails, strict=True):
        alive = np.convolve(alive, binom.pmf(np.arange(n - before + 1), n - before, 0.8))
        ends = np.array([clopper_pearson(k, n, 2 * tail).high for k in range(n + 1)])
        wrong += alive[ends < 0.8].sum()
        alive, before = np.where(ends < 0.8, 0.0, alive), n
    assert 2 * 0.025 <= wrong <= 4 * 0.025


# From the table of the specification's second review: the power that exact boundaries have, and their prompts on average.
REVIEW = [(0.50, 0.55, 0.507, 437), (0.80, 0.86, 0.905, 327), (0.95, 0.98, 0.914, 355), (0.99, 1.0, 1.0, 512)]


@pytest.mark.parametrize("threshold, truth, power, prompts", REVIEW)
def test_the_power_of_claims_on_shares_is_that_of_exact_boundaries(threshold, truth, power, prompts):
    _, supported, mean = decided(NINE, 0.05, truth, threshold)
    assert supported >= power - 0.02
    assert mean <= 1.05 * prompts


def test_every_one_of_512_shows_more_than_ninety_nine_percent():
    assert clopper_pearson(512, 512, 2 * kim_demets(NINE, 0.05, 0.75).tails[-1]).low > 0.99
    assert math.isclose(decided(NINE, 0.05, 1.0, 0.99)[1], 1.0)
