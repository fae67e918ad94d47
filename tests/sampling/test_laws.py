"""Laws that hold for any data: equivariance, mirror images, monotonicity and exchangeable prompts."""

import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from circuitcheck.sampling import (
    Above,
    Below,
    BoundedMean,
    Design,
    Proportion,
    Quantile,
    RatioOfMeans,
    RealMean,
    decide,
)
from circuitcheck.stats import (
    betting_interval,
    betting_side,
    clopper_pearson,
    fieller,
    hall,
    quantile_interval,
    skew_guarded,
    student_t,
)

quick = settings(deadline=None, max_examples=examples(40), derandomize=True)
shifts = st.floats(-20, 20)
scales = st.floats(0.05, 20)
seeds = st.integers(0, 10**6)
eighths = st.integers(-80, 80).map(lambda k: k / 8)
samples = st.lists(eighths, min_size=4, max_size=40).map(np.array)
spread_samples = samples.filter(lambda values: len(set(values)) > 1)
mean_methods = st.sampled_from([student_t, hall, skew_guarded])
counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
opposite = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
SHORT = Design(maximum=128)


def real(columns):
    return RealMean(columns[0])


def share(columns):
    return Proportion((columns[0] > 0).astype(float))


def ratio(columns):
    return RatioOfMeans(columns[0], columns[1])


def median(columns):
    return Quantile(columns[0], 0.5)


def measured(columns):
    return lambda prompts: columns[:, prompts.start : prompts.stop]


def decided(columns, build, region, design=SHORT):
    return decide(measured(columns), build, region, design)


def columns_of(seed, n=128):
    rng = np.random.default_rng(seed)
    values = rng.choice([rng.normal(size=n), rng.lognormal(0, 1, n) - 1, rng.standard_t(3, n)])
    return np.array([values + rng.normal(0, 0.5), rng.normal(rng.uniform(0.2, 3), 1, n)])


def near(low, high, scale=1.0):
    return pytest.approx((low, high), rel=1e-7, abs=1e-7 * scale)


def ends(interval):
    return interval.low, interval.high


def contains(outer, inner):
    slack = 1e-9 * (1 + abs(inner.low) + abs(inner.high)) if math.isfinite(inner.high - inner.low) else 0.0
    return outer.low <= inner.low + slack and outer.high >= inner.high - slack


# Equivariance


@quick
@given(seeds, shifts, scales)
def test_a_betting_interval_follows_shift_and_scale_of_data_and_bounds(seed, shift, scale):
    values = np.random.default_rng(seed).beta(1, 2, 60)
    low, high = ends(betting_interval(values, 0, 1, 0.05))
    moved = betting_interval(shift + scale * values, shift, shift + scale, 0.05)
    assert ends(moved) == near(shift + scale * low, shift + scale * high, scale + abs(shift))


@quick
@given(st.integers(0, 8), st.integers(0, 8), st.integers(1, 150), st.integers(0, 300), st.floats(0.02, 0.98))
@example(start=1, end=7, before=100, after=200, mean=0.2)
def test_betting_takes_opposite_sides_of_mirrored_data(start, end, before, after, mean):
    values = np.repeat([start / 8, end / 8], [before, after])
    assert betting_side(1 - values, 0, 1, 0.05, 1 - mean) == -betting_side(values, 0, 1, 0.05, mean)


@quick
@given(counts)
def test_intervals_of_a_proportion_mirror_with_success_and_failure(count):
    successes, n = count
    low, high = ends(clopper_pearson(successes, n, 0.05))
    assert ends(clopper_pearson(n - successes, n, 0.05)) == near(1 - high, 1 - low)


@quick
@given(samples, shifts, scales, st.sampled_from([0.1, 0.5, 0.75]))
def test_a_quantile_interval_follows_shift_and_scale(values, shift, scale, q):
    low, high = ends(quantile_interval(values, q, 0.025))
    moved = quantile_interval(shift + scale * values, q, 0.025)
    assert ends(moved) == near(shift + scale * low, shift + scale * high, 10 * scale + abs(shift))


@quick
@given(samples, st.sampled_from([0.1, 0.5, 0.75]))
def test_a_quantile_interval_mirrors_with_its_data(values, q):
    low, high = ends(quantile_interval(values, q, 0.025))
    assert ends(quantile_interval(-values, 1 - q, 0.025)) == near(-high, -low)


@quick
@given(seeds, scales, scales)
def test_a_fieller_set_follows_the_scales_of_its_parts(seed, top, bottom):
    a, b = columns_of(seed, 40)
    low, high = ends(fieller(a, b, 0.025))
    factor = top / bottom
    assert ends(fieller(top * a, bottom * b, 0.025)) == near(factor * low, factor * high, factor)


@quick
@given(seeds, shifts)
def test_a_fieller_set_moves_with_multiples_of_the_denominator(seed, shift):
    a, b = columns_of(seed, 40)
    low, high = ends(fieller(a, b, 0.025))
    assert ends(fieller(a + shift * b, b, 0.025)) == near(low + shift, high + shift, 1 + abs(shift))


@quick
@given(seeds, st.floats(-1, 1), st.integers(-3, 3), st.sampled_from([0.25, 1.0, 4.0]))
def test_a_decision_on_a_mean_follows_shift_and_scale(seed, threshold, shift, scale):
    columns = columns_of(seed)
    plain = decided(columns, real, Below(threshold))
    moved = decided(shift + scale * columns, real, Below(shift + scale * threshold))
    assert (moved.verdict, moved.n) == (plain.verdict, plain.n)
    assert ends(moved) == near(shift + scale * plain.low, shift + scale * plain.high, scale + abs(shift))


# Mirror images


@quick
@given(seeds, st.floats(-1, 1), st.sampled_from([real, ratio]))
def test_swapping_the_sign_of_the_numerator_swaps_the_sides(seed, threshold, build):
    columns = columns_of(seed)
    mirrored = columns * [[-1], [1]]
    plain = decided(columns, build, Below(threshold))
    flipped = decided(mirrored, build, Above(-threshold))
    assert (flipped.verdict, flipped.n) == (plain.verdict, plain.n)
    assert ends(flipped) == near(-plain.high, -plain.low)


@quick
@given(seeds, st.floats(-1, 1))
def test_a_ratio_exceeds_a_threshold_where_the_linearised_mean_exceeds_zero(seed, threshold):
    columns = columns_of(seed, 32)
    one_look = Design(maximum=32)
    task_is_done = decided(columns[1:], real, Above(0), one_look).verdict == "supported"
    linearised = decided(columns[:1] - threshold * columns[1:], real, Above(0), one_look)
    expected = linearised.verdict if task_is_done else "inconclusive"
    assert decided(columns, ratio, Above(threshold), one_look).verdict == expected


# Monotonicity


@quick
@given(seeds, st.floats(-1, 1), st.floats(0, 1), st.sampled_from([real, share, ratio]))
def test_a_threshold_farther_away_never_turns_supported_into_refuted(seed, threshold, extra, build):
    columns = columns_of(seed)
    assume(decided(columns, build, Below(threshold)).verdict == "supported")
    assert decided(columns, build, Below(threshold + extra)).verdict == "supported"


tails = st.tuples(st.floats(0.0005, 0.4), st.floats(0.0005, 0.4)).map(sorted)


@quick
@given(counts, tails)
def test_more_confidence_never_narrows_an_interval_of_a_proportion(count, pair):
    assert contains(clopper_pearson(*count, pair[0]), clopper_pearson(*count, pair[1]))


@quick
@given(samples, tails, st.sampled_from([0.1, 0.5, 0.75]))
def test_more_confidence_never_narrows_an_interval_of_a_quantile(values, pair, q):
    strict, lax = (quantile_interval(values, q, alpha) for alpha in pair)
    assert contains(strict, lax)


@quick
@given(seeds, tails)
def test_more_confidence_never_narrows_a_fieller_set(seed, pair):
    strict, lax = (fieller(*columns_of(seed, 24), tail) for tail in pair)
    assert contains(strict, lax)


# Exchangeable prompts


def shuffled_within_looks(columns, looks, seed):
    rng = np.random.default_rng(seed)
    blocks = np.split(np.arange(columns.shape[1]), looks[:-1])
    return columns[:, np.concatenate([rng.permutation(block) for block in blocks])]


@quick
@given(seeds, st.floats(0.1, 0.9))
def test_a_decision_repeated_on_the_same_prompts_is_the_same(seed, threshold):
    columns = np.random.default_rng(seed).random((1, 128))
    first, second = (decided(columns, lambda c: BoundedMean(c[0], 0, 1), Below(threshold)) for _ in range(2))
    assert first == second
