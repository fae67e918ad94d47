"""Confidence sequences for unbounded means: the t-mixture and the asymptotic one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import nct, norm
from scipy.stats import t as student

from circuitcheck.stats import asymptotic_sequence, student_t, t_mixture

quick = settings(deadline=None, max_examples=40, derandomize=True)
EVERY_N = range(2, 513)


def standardised(n):
    """Values of mean zero and sample deviation one."""
    values = np.random.default_rng(n).normal(size=n)
    values -= values.mean()
    return values / values.std(ddof=1)


def standard_error(p, runs):
    return math.sqrt(p * (1 - p) / runs)


def ends(interval):
    return interval.low, interval.high


# The t-mixture


@pytest.mark.parametrize("n, radius", [(16, 0.9167241759), (32, 0.5743194168), (100, 0.3164886835)])
def test_t_mixture_has_the_reference_radius(n, radius):
    assert ends(t_mixture(standardised(n), 0.05)) == pytest.approx((-radius, radius), rel=0, abs=1e-10)


def test_t_mixture_is_unbounded_while_too_few_values_are_there_to_exclude_anything():
    assert ends(t_mixture(standardised(8), 0.05, gamma=0.1)) == (-math.inf, math.inf)


def test_t_mixture_of_the_default_gamma_is_bounded_from_eight_values_on():
    bounded = [n for n in range(2, 64) if math.isfinite(t_mixture(standardised(n), 0.05).high)]
    expected = [n for n in range(2, 64) if ((1 + n / 4) / 0.0025) ** (1 / n) < 1 + n / 4]
    assert bounded == expected


@pytest.mark.parametrize("gamma", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("n, alpha", [(12, 0.1), (32, 0.05), (60, 0.01)])
def test_t_mixture_ends_where_the_averaged_likelihood_ratio_of_t_reaches_one_over_alpha(n, alpha, gamma):
    statistic = t_mixture(standardised(n), alpha, gamma=gamma).high * math.sqrt(n)
    observed = statistic / math.sqrt(n)
    effects = observed + np.linspace(-9, 9, 4001) * math.sqrt((1 + observed**2) / n)
    ratios = nct.pdf(statistic, n - 1, math.sqrt(n) * effects) / student.pdf(statistic, n - 1)
    averaged = np.trapezoid(ratios * norm.pdf(effects, scale=math.sqrt(gamma)), effects)
    assert averaged == pytest.approx(1 / alpha, rel=1e-5)


@quick
@given(st.integers(0, 10**6), st.integers(16, 200), st.sampled_from([0.05, 0.01]))
def test_t_mixture_centres_on_the_mean_and_scales_with_the_sample_deviation(seed, n, alpha):
    values = np.random.default_rng(seed).gamma(2, 3, n)
    unit = t_mixture(standardised(n), alpha).high
    expected = values.mean() - values.std(ddof=1) * unit, values.mean() + values.std(ddof=1) * unit
    assert ends(t_mixture(values, alpha)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [16, 64, 512])
def test_peeking_at_any_time_costs_width_against_student_t(n):
    assert t_mixture(standardised(n), 0.05).high > student_t(standardised(n), 0.025).high


@pytest.mark.parametrize("gamma", [0.05, 0.25, 1.0])
def test_t_mixture_misses_normal_means_at_most_nominally_over_every_n_from_2_to_512(gamma):
    runs = 6000
    radius = np.array([t_mixture(standardised(n), 0.05, gamma=gamma).high for n in EVERY_N])
    rows = np.random.default_rng(3).normal(size=(runs, 512))
    n = np.arange(1, 513)
    means = np.cumsum(rows, axis=1) / n
    spread = np.sqrt(np.maximum(np.cumsum(rows**2, axis=1) - n * means**2, 0)[:, 1:] / (n[1:] - 1))
    above = np.any(means[:, 1:] > radius * spread, axis=1)
    below = np.any(means[:, 1:] < -radius * spread, axis=1)
    assert np.mean(above | below) <= 0.05 + 3 * standard_error(0.05, runs)
    assert max(above.mean(), below.mean()) <= 0.025 + 3 * standard_error(0.025, runs)
    assert min(above.mean(), below.mean()) >= 0.005


def test_student_t_looked_at_as_often_misses_many_times_as_often():
    rows = np.random.default_rng(3).normal(size=(400, 128))
    missed = np.mean([any(0 not in student_t(row[:n], 0.025) for n in range(16, 129, 4)) for row in rows])
    assert missed >= 0.12


# The asymptotic sequence


def test_asymptotic_sequence_has_the_reference_radius():
    assert asymptotic_sequence(standardised(100), 0.05).high == pytest.approx(0.3041062410, rel=0, abs=1e-10)


@pytest.mark.parametrize("rho", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("n, alpha", [(10, 0.05), (100, 0.01), (500, 0.2)])
def test_asymptotic_sequence_ends_where_the_averaged_normal_likelihood_ratio_reaches_one_over_alpha(n, alpha, rho):
    total = n * asymptotic_sequence(standardised(n), alpha, rho=rho).high

    def weighted(effect):
        return math.exp(effect * total - n * effect**2 / 2) * norm.pdf(effect, scale=rho)

    averaged, _ = quad(weighted, -15 * rho, 15 * rho, points=[total / n], epsabs=1e-10, limit=500)
    assert averaged == pytest.approx(1 / alpha, rel=1e-6)


@quick
@given(st.integers(0, 10**6), st.integers(2, 200), st.sampled_from([0.05, 0.01]))
def test_asymptotic_sequence_centres_on_the_mean_and_scales_with_the_sample_deviation(seed, n, alpha):
    values = np.random.default_rng(seed).gamma(2, 3, n)
    unit = asymptotic_sequence(standardised(n), alpha).high
    expected = values.mean() - values.std(ddof=1) * unit, values.mean() + values.std(ddof=1) * unit
    assert ends(asymptotic_sequence(values, alpha)) == pytest.approx(expected, rel=1e-9)


def test_asymptotic_sequence_misses_normal_means_at_most_nominally_from_32_values_on():
    runs, sizes = 6000, np.arange(32, 513)
    radius = np.array([asymptotic_sequence(standardised(n), 0.05).high for n in sizes])
    rows = np.random.default_rng(4).normal(size=(runs, 512))
    n = np.arange(1, 513)
    means = np.cumsum(rows, axis=1) / n
    spread = np.sqrt(np.maximum(np.cumsum(rows**2, axis=1) - n * means**2, 0)[:, 31:] / (sizes - 1))
    above = np.any(means[:, 31:] > radius * spread, axis=1)
    below = np.any(means[:, 31:] < -radius * spread, axis=1)
    assert max(above.mean(), below.mean()) <= 0.025 + 3 * standard_error(0.025, runs)


def test_only_the_asymptotic_sequence_admits_that_it_assumes_many_values():
    values = standardised(32)
    assert asymptotic_sequence(values, 0.05).assumptions
    assert asymptotic_sequence(values, 0.05).assumptions != t_mixture(values, 0.05).assumptions


@pytest.mark.parametrize("method", [t_mixture, asymptotic_sequence])
def test_a_sequence_needs_two_values(method):
    with pytest.raises(ValueError):
        method(np.array([1.0]), 0.05)


def test_a_t_mixture_of_a_negative_gamma_is_refused():
    with pytest.raises(ValueError, match="gamma"):
        t_mixture(standardised(32), 0.05, gamma=-1.0)


def test_an_asymptotic_sequence_of_rho_zero_is_refused():
    with pytest.raises(ValueError, match="rho"):
        asymptotic_sequence(standardised(32), 0.05, rho=0.0)
