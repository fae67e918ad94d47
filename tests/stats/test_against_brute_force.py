"""Each method against a slow and obvious computation of what the specification defines."""

import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, quantile_test
from scipy.stats import t as student

from circuitcheck.stats import (
    clopper_pearson,
    fieller,
    hall,
    kim_demets,
    prompts_needed,
    quantile_interval,
    skew_guarded,
    skewness,
    student_t,
)

quick = settings(deadline=None, max_examples=examples(40), derandomize=True)
COUNTS = [(0, 1), (1, 1), (0, 32), (32, 32), (1, 32), (16, 32), (95, 100), (3, 500), (511, 512)]
GRID = np.linspace(0, 1, 20001)[1:-1] + 1e-5 / math.pi


def holds_what_is_not_excluded(interval, grid, excluded):
    inside = (grid >= interval.low) & (grid <= interval.high)
    np.testing.assert_array_equal(inside, ~excluded)


def t_test_excludes(values, tail):
    error = values.std(ddof=1) / math.sqrt(len(values))
    return abs(values.mean()) > student.isf(tail, len(values) - 1) * error


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("successes, n", COUNTS)
def test_clopper_pearson_holds_each_p_that_neither_binomial_tail_rejects(successes, n, alpha):
    at_least = binom.sf(successes - 1, n, GRID)
    at_most = binom.cdf(successes, n, GRID)
    holds_what_is_not_excluded(clopper_pearson(successes, n, alpha), GRID, np.minimum(at_least, at_most) < alpha / 2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tail", [0.025, 0.005])
@pytest.mark.sampled(1)
def test_fieller_holds_each_ratio_whose_linearised_t_interval_holds_zero(seed, tail):
    rng = np.random.default_rng(seed)
    b = rng.normal(2 if seed % 2 else -2, 1, 24)
    a = 0.7 * b + rng.normal(0, 1.5, 24)
    grid = np.linspace(-2, 3, 5001)
    excluded = np.array([t_test_excludes(a - r * b, tail) for r in grid])
    holds_what_is_not_excluded(fieller(a, b, tail), grid, excluded)


@quick
@given(st.integers(0, 10**6), st.floats(-2, 2), st.sampled_from([0.025, 0.1]))
def test_fieller_is_unbounded_exactly_where_the_denominator_is_not_shown_to_differ_from_zero(seed, centre, tail):
    a, b = np.random.default_rng(seed).normal([[0.5], [centre]], 1, (2, 16))
    interval = fieller(a, b, tail)
    unbounded = (interval.low, interval.high) == (-math.inf, math.inf)
    assert unbounded == (not t_test_excludes(b, tail))


@pytest.mark.parametrize("n, share", [(16, 0.53), (32, 0.22), (64, 0.02), (128, 0.0)])
def test_fieller_is_unbounded_as_often_as_the_specification_says(n, share):
    b = np.random.default_rng(n).normal(0.5, 1, (1500, n))
    unbounded = np.mean([math.isinf(fieller(row + 1, row, 0.025).low) for row in b])
    assert unbounded == pytest.approx(share, abs=4 * math.sqrt(max(share, 0.005) * (1 - share) / 1500) + 0.005)


@pytest.mark.parametrize(
    "looks, alpha, rho",
    [((32, 64, 128, 256, 512), 0.05, 0.5), ((32, 64, 100), 0.01, 0.5), ((10, 11, 500), 0.05, 0.5),
     ((20, 40, 60, 80), 0.1, 1.0), ((20, 40, 60, 80), 0.05, 3.0)],
)  # fmt: skip
def test_kim_demets_spends_alpha_as_it_says(looks, alpha, rho):
    paths = 400_000
    increments = np.sqrt(np.diff((0, *looks)))
    walk = np.cumsum(np.random.default_rng(1).normal(size=(paths, len(looks))) * increments, axis=1)
    crossed = np.abs(walk) / np.sqrt(looks) >= kim_demets(looks, alpha, rho).z
    spent = np.maximum.accumulate(crossed, axis=1).mean(axis=0)
    expected = alpha * (np.array(looks) / looks[-1]) ** rho
    assert np.all(np.abs(spent - expected) <= 4 * np.sqrt(expected * (1 - expected) / paths))


@pytest.mark.parametrize("q", [0.02, 0.1, 0.25, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [1, 5, 16, 37, 200])
def test_quantile_interval_is_the_one_of_scipy(n, q):
    values = np.random.default_rng(n).normal(size=n)
    reference = quantile_test(values, p=q).confidence_interval(0.95)
    interval = quantile_interval(values, q, 0.025)
    expected = np.nan_to_num(reference.low, nan=-np.inf), np.nan_to_num(reference.high, nan=np.inf)
    assert (interval.low, interval.high) == expected


@quick
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=60), st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.floats(0.001, 0.3))
def test_quantile_interval_holds_each_value_that_neither_binomial_test_excludes(data, q, tail):
    """Excluded from above: so few at or below theta. Excluded from below: so many strictly below it."""
    values, n = np.array(data, float), len(data)
    interval = quantile_interval(values, q, tail)
    for theta in np.arange(-5, 5.5, 0.5):
        too_low = binom.cdf((values <= theta).sum(), n, q) <= tail
        too_high = binom.sf((values < theta).sum() - 1, n, q) <= tail
        assert (theta in interval) == (not too_low and not too_high)


def hall_by_root(values, tail, guard=1.0):
    n, spread = len(values), values.std(ddof=1)
    g = guard * ((values - values.mean()) ** 3).mean() / spread**3
    quantile = student.isf(tail, n - 1)

    def h(t):
        return t + g * t**2 / (3 * n**0.5) + g**2 * t**3 / (27 * n) + g / (6 * n**0.5)

    def inverse(y):
        return brentq(lambda t: h(t) - y, -1e4, 1e4, xtol=1e-13, rtol=1e-13)

    return tuple(values.mean() - inverse(y) * spread / n**0.5 for y in (quantile, -quantile))


def skewed_data(name):
    rng = np.random.default_rng(2)
    return {
        "normal": rng.normal(size=32),
        "lognormal": rng.lognormal(0, 1, 50),
        "reflected lognormal": -rng.lognormal(0, 1.5, 50),
        "one outlier": np.r_[rng.normal(size=31), 100.0],
        "symmetric": np.arange(-8.0, 9),
        "two values": np.array([0.0, 3.0]),
    }[name]


SKEWED = ["normal", "lognormal", "reflected lognormal", "one outlier", "symmetric", "two values"]


@pytest.mark.parametrize("tail", [0.025, 0.003])
@pytest.mark.parametrize("name", SKEWED)
def test_hall_inverts_its_transformation(name, tail):
    interval = hall(skewed_data(name), tail)
    assert (interval.low, interval.high) == pytest.approx(hall_by_root(skewed_data(name), tail), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", SKEWED)
def test_skew_guarded_is_the_hull_of_student_t_and_of_hall_with_half_as_much_skewness_again(name):
    values = skewed_data(name)
    by_t, (low, high) = student_t(values, 0.01), hall_by_root(values, 0.01, guard=1.5)
    interval = skew_guarded(values, 0.01)
    assert interval.low == pytest.approx(min(by_t.low, low), rel=1e-7)
    assert interval.high == pytest.approx(max(by_t.high, high), rel=1e-7)


@pytest.mark.parametrize("name", SKEWED)
def test_skewness_is_the_third_moment_over_the_cubed_sample_deviation(name):
    values = skewed_data(name)
    centred = values - values.mean()
    assert skewness(values) == pytest.approx((centred**3).mean() / values.std(ddof=1) ** 3, rel=1e-9, abs=1e-12)


def test_skewness_of_constant_values_is_zero():
    assert skewness(np.full(9, 0.1)) == 0


@pytest.mark.parametrize("method", [student_t, hall, skew_guarded])
def test_one_value_has_no_interval_for_its_mean(method):
    with pytest.raises(ValueError):
        method(np.array([1.0]), 0.025)


@pytest.mark.parametrize("distance", [0.1, -0.1, 0.25])
@pytest.mark.parametrize("power, quantile", [(0.5, 0.0), (0.8, 0.8416212335729143)])
def test_prompts_needed_follows_the_normal_sample_size_formula(distance, power, quantile):
    total = math.ceil((1.959963984540054 + quantile) ** 2 / distance**2)
    assert prompts_needed(distance, 1.0, 1.959963984540054, power, 50) == max(total - 50, 1)


@pytest.mark.parametrize("n, answered", [(40, True), (39, False)])
def test_prompts_needed_gives_up_beyond_twenty_times_the_sample(n, answered):
    assert (prompts_needed(0.1, 1.0, 1.959963984540054, 0.8, n) is not None) == answered


def test_prompts_needed_at_the_threshold_itself_is_unknown():
    assert prompts_needed(0.0, 1.0, 1.96, 0.5, 100) is None
