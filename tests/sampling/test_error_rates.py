"""Verdicts and intervals agree, and are wrong no more often than they say."""

import math

import numpy as np
import pytest
from drawing import (
    LOOKS,
    ONE_LOOK,
    Prompts,
    bounded,
    decided,
    median,
    quick,
    ratio,
    real,
    share,
    standard_error,
)
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from circuitcheck.sampling import (
    Below,
    Design,
    estimate,
)
from circuitcheck.stats import kim_demets


def verdict_of(decision, threshold):
    if decision.high < threshold:
        return "supported"
    return "refuted" if decision.low > threshold else "inconclusive"


def sample_of(build, seed, n=256):
    rng = np.random.default_rng(seed)
    if build is share:
        return [(rng.random(n) < rng.random()).astype(float)]
    if build is bounded:
        return [rng.beta(*rng.uniform(0.3, 5, 2), n)]
    if build is ratio:
        denominator = rng.normal(rng.uniform(0, 3), 1, n)
        return [rng.uniform(-1, 1) * denominator + rng.normal(0.2, 1, n), denominator]
    return [rng.choice([rng.normal(size=n), rng.lognormal(0, 1, n), rng.standard_t(3, n), -rng.exponential(size=n)])]


@pytest.mark.parametrize("build", [real, share, bounded, ratio, median])
def test_verdict_agrees_with_interval_at_one_look(build):
    @quick
    @given(st.integers(0, 10**6), st.floats(-3, 3))
    def check(seed, threshold):
        decision = decided(sample_of(build, seed), build, Below(threshold), ONE_LOOK)
        assert decision.verdict == verdict_of(decision, threshold)

    check()


@pytest.mark.parametrize("build", [real, share, bounded, ratio])
def test_verdict_agrees_with_interval_over_three_looks(build):
    @settings(quick, max_examples=examples(25))
    @given(st.integers(0, 10**6), st.floats(-1, 1))
    def check(seed, threshold):
        decision = decided(sample_of(build, seed), build, Below(threshold), Design(maximum=128))
        assert decision.verdict == verdict_of(decision, threshold)
        for _, low, high in decision.looks[:-1]:
            assert low <= threshold <= high

    check()


@pytest.mark.parametrize("build", [real, share, bounded, ratio, median])
@pytest.mark.sampled(2)
def test_verdict_changes_exactly_at_the_ends_of_the_interval(build):
    @settings(quick, max_examples=20)
    @given(st.integers(0, 10**6))
    def check(seed):
        columns = sample_of(build, seed, 32)
        interval = estimate(Prompts(*columns), build, 32, 0.95, None)
        for edge, beyond, verdict in ((interval.high, 1, "supported"), (interval.low, -1, "refuted")):
            step = beyond * 1e-6 * (1 + abs(edge))
            if math.isfinite(edge):
                assert decided(columns, build, Below(edge + step), ONE_LOOK).verdict == verdict
                assert decided(columns, build, Below(edge - step), ONE_LOOK).verdict == "inconclusive"

    check()


# How often a verdict is wrong, and how many prompts a right one takes


def shares_decided(rows, build, region, design=None):
    """Shares of rows for which the region is (supported, refuted)."""
    verdicts = [decided([row], build, region, design).verdict for row in rows]
    return np.mean([v == "supported" for v in verdicts]), np.mean([v == "refuted" for v in verdicts])


@pytest.mark.slow
def test_wrong_verdicts_on_normal_means_at_the_threshold_keep_their_level():
    rows = np.random.default_rng(11).normal(size=(3000, 512))
    below, above = shares_decided(rows, real, Below(0))
    assert max(below, above) <= 0.025 + 3 * standard_error(0.025, 3000)


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.5, 0.1, 0.95])
@pytest.mark.sampled(1)
def test_wrong_verdicts_on_proportions_at_the_threshold_keep_their_level(p):
    rows = (np.random.default_rng(12).random((1500, 512)) < p).astype(float)
    below, above = shares_decided(rows, share, Below(p))
    assert max(below, above) <= 0.025 + 3 * standard_error(0.025, 1500)


@pytest.mark.slow
def test_wrong_verdicts_on_bounded_means_at_the_threshold_keep_their_level():
    rows = np.random.default_rng(13).random((600, 128))
    below, above = shares_decided(rows, bounded, Below(0.5), Design(maximum=128))
    assert max(below, above) <= 0.025 + 3 * standard_error(0.025, 600)


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw, mean, wrong",
    [
        pytest.param(lambda rng, shape: rng.beta(2, 5, shape), 2 / 7, 0.026, id="beta(2,5)", marks=pytest.mark.slow),
        pytest.param(lambda rng, shape: rng.exponential(1, shape), 1.0, 0.023, id="exponential", marks=pytest.mark.slow),
        pytest.param(lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5), 0.033, id="lognormal(1)"),
        pytest.param(lambda rng, shape: rng.standard_t(3, shape), 0.0, 0.021, id="t3", marks=pytest.mark.slow),
    ],
)
def test_false_support_on_real_means_is_as_the_table_says(draw, mean, wrong):
    runs = 1500
    below, _ = shares_decided(draw(np.random.default_rng(14), (runs, 512)), real, Below(mean))
    assert below == pytest.approx(wrong, abs=4 * standard_error(wrong, runs) + 0.005)


TABLE = [(0.2, 0.988, 222), (0.3, 1, 117), (0.5, 1, 53), (1.0, 1, 32)]  # 40,000 runs


@pytest.mark.parametrize("distance, power, mean_n", TABLE)
@pytest.mark.sampled(1)
def test_power_and_prompts_on_normal_means_are_those_of_the_table(distance, power, mean_n):
    runs = 400
    rows = np.random.default_rng(15).normal(size=(runs, 512))
    decisions = [decided([row], real, Below(distance)) for row in rows]
    n = np.array([d.n for d in decisions])
    error = 4 * n.std() / math.sqrt(runs)
    supported = np.mean([d.verdict == "supported" for d in decisions])
    assert supported == pytest.approx(power, abs=4 * standard_error(0.987, runs) * (power < 1) + 1e-12)
    assert n.mean() == pytest.approx(mean_n, abs=error + 0.5)


def hall_inverse(y, g, n):
    """Closed form: h(t) - g / (6 sqrt n) = ((1 + a t)^3 - 1) / (3 a) with a = g / (3 sqrt n)."""
    a = g / (3 * math.sqrt(n))
    return (np.cbrt(1 + 3 * a * (y - g / (6 * math.sqrt(n)))) - 1) / a


CRITICAL = [student.isf(norm.sf(z), n - 1) for z, n in zip(kim_demets(LOOKS, 0.05, 0.75).z, LOOKS, strict=True)]


def stopped_at(rows, threshold):
    """Verdict (+1 below the threshold, -1 above, 0 none) and prompts of each row, by the formulas of the specification."""
    side, prompts = np.zeros(len(rows)), np.full(len(rows), LOOKS[-1])
    for n, critical in zip(LOOKS, CRITICAL, strict=True):
        mean, spread = rows[:, :n].mean(axis=1), rows[:, :n].std(axis=1, ddof=1)
        g = 1.5 * ((rows[:, :n] - mean[:, None]) ** 3).mean(axis=1) / spread**3
        high = mean + np.maximum(critical, -hall_inverse(-critical, g, n)) * spread / math.sqrt(n)
        low = mean - np.maximum(critical, hall_inverse(critical, g, n)) * spread / math.sqrt(n)
        now = np.where(high < threshold, 1, 0) - np.where(low > threshold, 1, 0)
        prompts = np.where((side == 0) & (now != 0), n, prompts)
        side = np.where(side == 0, now, side)
    return side, prompts


@pytest.mark.parametrize("distance", [-0.4, 0.1, 0.2, 0.5])
@pytest.mark.sampled(2)
def test_each_run_stops_where_the_formulas_say(distance):
    rows = np.random.default_rng(16).gamma(2, 1, (150, 512)) - 2
    side, prompts = stopped_at(rows, distance)
    decisions = [decided([row], real, Below(distance)) for row in rows]
    names = {1: "supported", -1: "refuted", 0: "inconclusive"}
    assert [d.verdict for d in decisions] == [names[s] for s in side]
    assert [d.n for d in decisions] == prompts.tolist()
