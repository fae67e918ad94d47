"""The change of a number between two revisions, from the same prompts: laws, and references that do not know the code."""

import numpy as np
import pytest
from every_estimand import ESTIMANDS, columns_of, quick, quick_for, seeds
from hypothesis import given

from circuitcheck.errors import NotComparable
from circuitcheck.sampling import Clusters, Level, Noise, Proportion, Quantile, RatioOfMeans, RealMean, change, unchanged

LEVEL = Level(0.025, 0.05)
EVERY = pytest.mark.parametrize("name", ESTIMANDS)


def two(seed, n=64):
    """The same prompts before and now: labels stay, numbers differ."""
    old, other = columns_of(seed, n), columns_of(seed + 1, n)
    new = np.where(np.arange(len(old))[:, None] >= 6, old, 0.7 * old + 0.3 * other)
    for binary in (2, 3):
        new[binary] = np.where(other[0] > 0.5, other[binary], old[binary])
    return old, new


def of(name, old, new):
    return change(ESTIMANDS[name](new), ESTIMANDS[name](old))


@EVERY
def test_it_is_the_difference_of_the_two_numbers_and_its_interval_holds_it(name):
    @quick_for(name)
    @given(seeds)
    def check(seed):
        old, new = two(seed)
        found = of(name, old, new)
        assert found.value == pytest.approx(ESTIMANDS[name](new).value - ESTIMANDS[name](old).value, abs=1e-12)
        interval = found.interval(LEVEL)
        assert interval.low <= found.value <= interval.high

    check()


@EVERY
def test_exchanging_before_and_now_turns_it_round(name):
    @quick_for(name)
    @given(seeds)
    def check(seed):
        old, new = two(seed)
        one, other = of(name, old, new).interval(LEVEL), of(name, new, old).interval(LEVEL)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=2e-5)

    check()


@EVERY
def test_the_order_of_the_prompts_is_of_no_matter(name):
    old, new = two(5)
    order = np.random.default_rng(1).permutation(old.shape[1])
    one, other = of(name, old, new).interval(LEVEL), of(name, old[:, order], new[:, order]).interval(LEVEL)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-9)


@quick
@given(seeds)
def test_a_model_that_is_only_more_confident_does_not_move_a_ratio(seed):
    old = columns_of(seed)
    found = change(RatioOfMeans(3.0 * old[0], 3.0 * old[1]), RatioOfMeans(old[0], old[1]))
    assert found.interval(LEVEL).low == pytest.approx(0, abs=1e-12)
    assert found.interval(LEVEL).high == pytest.approx(0, abs=1e-12)


@quick
@given(seeds)
def test_what_one_prompt_adds_to_a_ratio_is_its_derivative(seed):
    """By giving each prompt a little more weight, one after another."""
    (a, b), (a2, b2) = (each[:2] for each in two(seed))
    n, little = len(a), 1e-6

    def share(above, below, weights):
        return (weights @ above) / (weights @ below)

    flat = np.full(n, 1 / n)
    base = share(a2, b2, flat) - share(a, b, flat)
    moved = []
    for prompt in range(n):
        weights = flat * (1 - little)
        weights[prompt] += little
        moved.append((share(a2, b2, weights) - share(a, b, weights) - base) / little)
    found = change(RatioOfMeans(a2, b2), RatioOfMeans(a, b))._mean.values - base
    assert found == pytest.approx(np.array(moved), abs=1e-4)


@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_of_ratios_are_those_of_a_bootstrap_of_prompts_or_templates(clustered):
    rng = np.random.default_rng(7)
    units, each = 64, 8 if clustered else 1
    shared = np.repeat(rng.normal(0, 0.5, units), each)
    below = 4 + rng.normal(0, 1, units * each)
    above = 0.5 * below + shared + rng.normal(0, 0.3, units * each)
    below2 = below + rng.normal(0, 0.3, units * each)
    above2 = above + 0.3 + 0.5 * shared + rng.normal(0, 0.3, units * each)
    labels = np.repeat(np.arange(units), each)
    clusters = Clusters(("templates",), (tuple(map(str, labels)),)) if clustered else None
    found = change(RatioOfMeans(above2, below2, None, clusters), RatioOfMeans(above, below, None, clusters))
    drawn = []
    for _ in range(4000):
        rows = (rng.integers(0, units, units)[:, None] * each + np.arange(each)).ravel()
        drawn.append(above2[rows].mean() / below2[rows].mean() - above[rows].mean() / below[rows].mean())
    interval = found.interval(LEVEL)
    assert interval.high - interval.low == pytest.approx(np.subtract(*np.quantile(drawn, (0.975, 0.025))), rel=0.12)


def test_clusters_count_once_as_they_do_in_each_of_the_two():
    old, new = two(3)
    difference = ESTIMANDS["clustered"](np.vstack([new[:1] - old[:1], old[1:]]))
    assert of("clustered", old, new).interval(LEVEL) == difference.interval(LEVEL)


def test_a_weak_denominator_now_or_before_says_so():
    old, new = two(1)
    weak = RatioOfMeans(new[0], new[1] - new[1].mean())
    assert "now: the model does not do the task" in change(weak, RatioOfMeans(old[0], old[1])).problem(LEVEL)
    assert "before: the model" in change(RatioOfMeans(old[0], old[1]), weak).problem(LEVEL)
    assert change(weak, RatioOfMeans(old[0], old[1])).side(-1e9, LEVEL) == 0


def test_both_noise_floors_widen_it():
    old, new = two(1)
    quiet, loud = (change(RealMean(new[0], noise), RealMean(old[0], Noise(0.1, 0.1))) for noise in (Noise(), Noise(0.2, 1)))
    assert quiet.noise == pytest.approx(0.1)
    assert loud.interval(LEVEL).low == pytest.approx(quiet.interval(LEVEL).low - 0.2)


@pytest.mark.parametrize("other", [RealMean(np.arange(5.0)), Proportion(np.ones(4)), Quantile(np.arange(4.0), 0.5)])
def test_two_kinds_of_number_and_two_lengths_are_refused(other):
    with pytest.raises(NotComparable):
        change(other, RealMean(np.arange(4.0)))


def test_unchanged_is_said_of_values_within_the_noise_and_not_of_counts():
    values = np.array([0.1, 2.5, -3.7])
    assert unchanged(values + 0.01, values, 0.02)
    assert not unchanged(values + 0.01, values, 0.001)
    assert not unchanged(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.0)
    assert not unchanged(np.array([np.nan, 1.0]), np.array([0.5, 1.0]), 9.0)
