"""Group sequential boundaries: tabulated constants, crossing probabilities found another way, and how alpha is spent."""

import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from circuitcheck.stats import crossing_probabilities, kim_demets

quick = settings(deadline=None, max_examples=examples(25), derandomize=True)
DOUBLING = (32, 64, 128, 256, 512)
UNEVEN = (20, 21, 90, 400)
BOUNDARIES = pytest.mark.parametrize("boundary", [kim_demets])
DESIGNS = pytest.mark.parametrize("looks", [DOUBLING, UNEVEN], ids=str)
designs = st.lists(st.integers(1, 500), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)
alphas = st.sampled_from([0.005, 0.05, 0.2])


def standard_error(p, runs):
    return np.sqrt(p * (1 - p) / runs)


@BOUNDARIES
def test_only_relative_sample_sizes_matter(boundary):
    assert boundary((200, 210, 900, 4000), 0.05).z == pytest.approx(boundary(UNEVEN, 0.05).z, abs=1e-9)


@BOUNDARIES
@pytest.mark.parametrize("looks, alpha", [(DOUBLING, 0.05), (UNEVEN, 0.05), (UNEVEN, 0.01)])
def test_a_boundary_is_crossed_with_probability_alpha_exactly(boundary, looks, alpha):
    crossed = crossing_probabilities(looks, boundary(looks, alpha).z)
    assert crossed[-1] == pytest.approx(alpha, rel=1e-6)


@quick
@given(designs, alphas, st.sampled_from([0.5, 1.0, 2.0]))
def test_kim_demets_has_spent_alpha_times_a_power_of_the_share_of_prompts_at_each_look(looks, alpha, rho):
    spent = crossing_probabilities(looks, kim_demets(looks, alpha, rho).z)
    assert spent == pytest.approx([alpha * (n / looks[-1]) ** rho for n in looks], rel=1e-6)


@BOUNDARIES
def test_a_boundary_says_its_looks_its_tails_and_its_name(boundary):
    made = boundary(UNEVEN, 0.05)
    assert made.looks == UNEVEN
    assert made.tails == pytest.approx(norm.sf(made.z), rel=1e-9)
    assert made.name == "Kim-DeMets rho=0.5"


@BOUNDARIES
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_a_single_look_needs_the_normal_quantile(boundary, alpha):
    assert boundary((64,), alpha).z == pytest.approx([norm.isf(alpha / 2)], abs=1e-8)


@BOUNDARIES
def test_more_confidence_raises_the_boundary_at_every_look(boundary):
    strict, lax = boundary(UNEVEN, 0.01), boundary(UNEVEN, 0.05)
    assert np.all(np.array(strict.z) > lax.z)


@BOUNDARIES
@pytest.mark.parametrize("looks", [(), (0, 32), (-1, 32), (64, 32), (32, 32)])
def test_looks_that_do_not_increase_from_above_zero_are_refused(boundary, looks):
    with pytest.raises(ValueError, match="looks"):
        boundary(looks, 0.05)


@BOUNDARIES
@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.05, 1.5, math.nan])
def test_an_alpha_that_is_no_error_rate_is_refused(boundary, alpha):
    with pytest.raises(ValueError, match="alpha"):
        boundary(DOUBLING, alpha)


# Crossing probabilities


def test_crossing_at_the_first_look_is_the_two_sided_normal_tail():
    assert crossing_probabilities((7,), (1.3,)) == pytest.approx([2 * norm.sf(1.3)], abs=1e-9)


@pytest.mark.parametrize(
    "looks, z", [((1, 2), (1.96, 1.96)), ((10, 11), (0.7, 2.4)), ((5, 500), (3.0, 1.5)), ((99, 100), (1, 1))]
)
def test_crossing_within_two_looks_is_a_one_dimensional_integral(looks, z):
    correlation = math.sqrt(looks[0] / looks[1])
    spread = math.sqrt(1 - correlation**2)

    def stays(first):
        ends = (np.array([-z[1], z[1]]) - correlation * first) / spread
        return norm.pdf(first) * (norm.cdf(ends[1]) - norm.cdf(ends[0]))

    kinks = [x for x in np.array([-z[1], z[1]]) / correlation if abs(x) < z[0]]
    stayed, _ = quad(stays, -z[0], z[0], points=kinks or None, epsabs=1e-11, limit=200)
    assert crossing_probabilities(looks, z) == pytest.approx([2 * norm.sf(z[0]), 1 - stayed], abs=2e-7)


@pytest.mark.parametrize(
    "looks, z",
    [((1, 2, 3), (2.3, 2.3, 2.3)), (DOUBLING, (2.5, 2.7, 2.6, 2.5, 2.3)), (UNEVEN, (1.2, 2.0, 0.9, 1.4)),
     (range(1, 7), (5, 4, 3, 2.5, 2.2, 2))],
)  # fmt: skip
def test_crossing_probabilities_are_those_of_the_joint_normal_law(looks, z):
    n = np.array(looks, float)
    correlation = np.sqrt(np.minimum.outer(n, n) / np.maximum.outer(n, n))
    expected = []
    for k in range(1, len(n) + 1):
        far = np.array(z[:k])
        inside = multivariate_normal.cdf(far, cov=correlation[:k, :k], maxpts=200_000, abseps=1e-7, lower_limit=-far)
        expected.append(1 - inside)
    assert crossing_probabilities(tuple(looks), z) == pytest.approx(expected, abs=5e-5)  # scipy integrates by Monte Carlo


def test_crossing_probabilities_are_the_shares_of_random_walks_that_left():
    looks, z, runs = (3, 4, 10, 50, 51), (1.5, 1.6, 1.2, 2.0, 1.9), 300_000
    steps = np.random.default_rng(1).normal(size=(runs, 5)) * np.sqrt(np.diff((0, *looks)))
    outside = np.abs(np.cumsum(steps, axis=1)) >= np.array(z) * np.sqrt(looks)
    left = np.maximum.accumulate(outside, axis=1).mean(axis=0)
    crossed = np.array(crossing_probabilities(looks, z))
    assert np.all(np.abs(left - crossed) <= 4 * standard_error(crossed, runs))


@pytest.mark.parametrize("count, crossed", [(1, 0.050), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193)])
def test_naive_peeking_multiplies_the_error_as_armitage_mcpherson_and_rowe_tabulated(count, crossed):
    looks = tuple(range(1, count + 1))
    assert crossing_probabilities(looks, (norm.isf(0.025),) * count)[-1] == pytest.approx(crossed, abs=5.1e-4)


@quick
@given(designs, st.lists(st.floats(0.3, 4), min_size=5, max_size=5))
def test_crossing_probabilities_grow_and_stay_below_the_sum_of_tails(looks, levels):
    z = tuple(levels[: len(looks)])
    crossed = np.array(crossing_probabilities(looks, z))
    assert np.all(np.diff(crossed) >= -1e-9)
    assert np.all(crossed <= np.cumsum(2 * norm.sf(z)) + 1e-7)


def test_each_look_needs_its_own_critical_value():
    with pytest.raises(ValueError):
        crossing_probabilities((1, 2, 3), (2.0, 2.0))


# What early stopping costs and saves: claim `mean < thr`, normal data of known variance. The looks that double, at exponent
# 0.5, are those of the specification; the nine at 0.75 are those of a claim.

NINE = (32, 48, 64, 96, 128, 192, 256, 384, 512)
TABLE = [
    (DOUBLING, 0.5, {0.1: (0.512, 436), 0.2: (0.987, 244), 0.3: (1, 120), 0.5: (1, 49), 1: (1, 32)}),
    (NINE, 0.75, {0.1: (0.526, 417), 0.2: (0.988, 215), 0.3: (1, 110), 0.5: (1, 48), 1: (1, 32)}),
]


@pytest.mark.parametrize("looks, rho, table", TABLE)
def test_kim_demets_has_the_power_and_the_mean_sample_size_of_the_table(looks, rho, table):
    runs, sizes, critical = 40_000, np.array(looks), np.array(kim_demets(looks, 0.05, rho).z)
    steps = np.random.default_rng(2).normal(size=(runs, len(looks))) * np.sqrt(np.diff((0, *sizes)))
    walk = np.cumsum(steps, axis=1)
    for distance, (power, mean_n) in table.items():
        z = (walk + distance * sizes) / np.sqrt(sizes)
        supported, decided = z >= critical, np.abs(z) >= critical
        n = np.where(decided.any(axis=1), sizes[decided.argmax(axis=1)], 512)
        assert supported.any(axis=1).mean() == pytest.approx(power, abs=4 * standard_error(0.5, runs))
        assert n.mean() == pytest.approx(mean_n, abs=0.5 + 4 * n.std() / math.sqrt(runs))
