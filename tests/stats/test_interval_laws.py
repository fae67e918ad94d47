"""Laws of every interval for a mean, for any data: shift and scale, mirror image, level, and the order of prompts."""

import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.stats import (
    between_clusters,
    design_effect,
    fieller,
    hall,
    skew_guarded,
    skewness,
    student_t,
    two_way,
)

quick = settings(deadline=None, max_examples=examples(25), derandomize=True)
METHODS = {
    "student_t": lambda values, labels, tail: student_t(values, tail),
    "hall": lambda values, labels, tail: hall(values, tail),
    "skew_guarded": lambda values, labels, tail: skew_guarded(values, tail),
    "between_clusters": lambda values, labels, tail: between_clusters(values, labels[0], tail),
    "two_way": lambda values, labels, tail: two_way(values, *labels, tail),
}
MEANS = pytest.mark.parametrize("name", METHODS)


@st.composite
def clustered_samples(draw):
    """Values, no sums of which are exactly zero, with two labelings of at least two labels each."""
    n = draw(st.integers(6, 40))
    values = np.array(draw(st.lists(st.integers(-80, 80), min_size=n, max_size=n))) / 8 + np.sin(np.arange(n)) / 50
    first, second = (draw(st.lists(st.integers(0, 4), min_size=n - 2, max_size=n - 2)) for _ in range(2))
    return values, (np.array([0, 1, *first]), np.array([1, *second, 0]))


samples = clustered_samples()
tails = st.tuples(st.floats(0.0005, 0.45), st.floats(0.0005, 0.45)).map(sorted)


def ends(interval):
    return interval.low, interval.high


def near(low, high, scale=1.0):
    return pytest.approx((low, high), rel=1e-7, abs=1e-7 * scale)


@MEANS
@quick
@given(samples, st.floats(-20, 20), st.floats(0.05, 20))
def test_an_interval_of_a_mean_follows_shift_and_scale(name, sample, shift, scale):
    values, labels = sample
    low, high = ends(METHODS[name](values, labels, 0.025))
    moved = METHODS[name](shift + scale * values, labels, 0.025)
    assert ends(moved) == near(shift + scale * low, shift + scale * high, 10 * scale + abs(shift))


@MEANS
@quick
@given(samples)
def test_swapping_the_two_views_swaps_the_sides(name, sample):
    values, labels = sample
    low, high = ends(METHODS[name](values, labels, 0.025))
    assert ends(METHODS[name](-values, labels, 0.025)) == near(-high, -low, 10)


@MEANS
@quick
@given(samples, tails)
def test_more_confidence_never_narrows_an_interval_of_a_mean(name, sample, pair):
    strict, lax = (METHODS[name](*sample, tail) for tail in pair)
    assert strict.low <= lax.low + 1e-7
    assert strict.high >= lax.high - 1e-7


@MEANS
@quick
@given(samples, st.randoms(use_true_random=False))
@pytest.mark.sampled(2)
def test_the_order_of_prompts_does_not_matter(name, sample, random):
    values, (first, second) = sample
    order = np.array(random.sample(range(len(values)), len(values)))
    shuffled = METHODS[name](values[order], (first[order], second[order]), 0.025)
    assert ends(shuffled) == near(*ends(METHODS[name](values, (first, second), 0.025)), 10)


@MEANS
@quick
@given(samples)
def test_an_interval_of_a_mean_has_its_low_end_below_its_high_end(name, sample):
    interval = METHODS[name](*sample, 0.025)
    assert interval.low <= interval.high
    assert interval.method


@quick
@given(samples)
def test_an_interval_that_ignores_skewness_is_centred_on_the_sample_mean(sample):
    values, _ = sample
    low, high = ends(student_t(values, 0.025))
    assert math.isinf(high - low) or (low + high) / 2 == pytest.approx(values.mean(), abs=1e-9)


@quick
@given(samples)
def test_skew_guarded_reaches_as_far_as_student_t_on_both_sides_and_further_where_the_tail_is(sample):
    values, _ = sample
    guarded, plain = skew_guarded(values, 0.025), student_t(values, 0.025)
    assert guarded.low <= plain.low
    assert guarded.high >= plain.high
    assert abs(skewness(values)) < 0.5 or (guarded.high > plain.high) == (skewness(values) > 0)


@quick
@given(samples, st.floats(-20, 20), st.floats(0.05, 20))
def test_skewness_ignores_shift_and_scale_and_mirrors(sample, shift, scale):
    values, _ = sample
    expected = skewness(values)
    assert skewness(shift + scale * values) == pytest.approx(expected, abs=1e-6)
    assert skewness(-values) == pytest.approx(-expected, abs=1e-9)


@quick
@given(samples, st.floats(-20, 20), st.floats(0.05, 20))
def test_a_design_effect_ignores_shift_and_scale(sample, shift, scale):
    values, (labels, _) = sample
    plain, moved = design_effect(values, labels), design_effect(shift + scale * values, labels)
    assert (moved.icc, moved.mean_size, moved.factor) == pytest.approx((plain.icc, plain.mean_size, plain.factor), abs=1e-6)
    assert 0 <= plain.icc <= 1 <= plain.factor


@quick
@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_prompts_does_not_matter_to_a_design_effect(sample, random):
    values, (labels, _) = sample
    order = np.array(random.sample(range(len(values)), len(values)))
    assert design_effect(values[order], labels[order]).factor == pytest.approx(design_effect(values, labels).factor)


@quick
@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_prompts_does_not_matter_to_a_fieller_set(sample, random):
    values, (labels, _) = sample
    below = 3.0 + labels
    order = np.array(random.sample(range(len(values)), len(values)))
    assert ends(fieller(values[order], below[order], 0.025)) == near(*ends(fieller(values, below, 0.025)), 10)
