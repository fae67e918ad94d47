"""Means over clusters, one-way and two-way, and the design effect."""

import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway
from scipy.stats import t as student

from circuitcheck.stats import between_clusters, design_effect, skew_guarded, student_t, two_way

quick = settings(deadline=None, max_examples=examples(40), derandomize=True)
tails = st.sampled_from([0.2, 0.025, 0.001])
seeds = st.integers(0, 10**6)


def ends(interval):
    return interval.low, interval.high


def unbalanced(seed, clusters=7):
    """Values with random effects of two crossed labelings, of which every label occurs."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3 * clusters, 60))
    first = rng.permutation(np.r_[np.arange(clusters), rng.integers(0, clusters, n - clusters)])
    second = rng.permutation(np.r_[np.arange(5), rng.integers(0, 5, n - 5)])
    return rng.normal(size=clusters)[first] + rng.normal(size=5)[second] + rng.normal(size=n), first, second


@quick
@given(seeds, tails)
def test_each_cluster_counts_once_however_many_values_it_has(seed, tail):
    values, labels, _ = unbalanced(seed)
    means = np.array([values[labels == k].mean() for k in range(7)])
    assert ends(between_clusters(values, labels, tail)) == pytest.approx(ends(skew_guarded(means, tail)), rel=1e-9)


@quick
@given(seeds, st.integers(0, 6))
def test_more_copies_of_the_same_values_in_one_cluster_change_nothing(seed, one):
    values, labels, _ = unbalanced(seed)
    again = labels == one
    more = between_clusters(np.r_[values, values[again]], np.r_[labels, labels[again]], 0.025)
    assert ends(more) == pytest.approx(ends(between_clusters(values, labels, 0.025)), rel=1e-9)


def two_way_by_double_sums(values, first, second, tail):
    """The mean over clusters of the first kind, with a cluster-robust variance, every pair of prompts taken by itself."""
    n, kinds = len(values), (first, second, [*zip(first.tolist(), second.tolist(), strict=True)])
    weights = np.array([1 / (len(set(first)) * np.sum(first == each)) for each in first])
    mean = sum(weights * values)
    variances, counts = [], []
    for labels in kinds:
        leverage = {each: sum(weights[i] for i in range(n) if labels[i] == each) for each in set(labels)}
        pairs = [(i, j) for i in range(n) for j in range(n) if labels[i] == labels[j]]
        rest = weights * (values - mean)
        variances.append(sum(rest[i] * rest[j] / (1 - leverage[labels[i]]) for i, j in pairs))
        counts.append(1 / sum(each**2 for each in leverage.values()))
    one, two, both = variances
    reach = student.isf(tail, max(1, min(counts[:2]) - 1)) * math.sqrt(max(one + two - both, one, two))
    return mean - reach, mean + reach


@settings(quick, max_examples=15)
@given(seeds, tails)
def test_two_way_adds_both_kinds_and_takes_off_what_they_share(seed, tail):
    values, first, second = unbalanced(seed)
    low, high = two_way_by_double_sums(values, first, second, tail)
    one_way = between_clusters(values, first, tail)
    expected = min(low, one_way.low), max(high, one_way.high)
    assert ends(two_way(values, first, second, tail)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds, tails)
def test_a_second_kind_of_cluster_never_narrows_the_interval(seed, tail):
    values, first, second = unbalanced(seed)
    one, both = between_clusters(values, first, tail), two_way(values, first, second, tail)
    assert both.low <= one.low < one.high <= both.high


def test_a_kind_of_cluster_with_one_member_for_each_prompt_adds_no_width_of_its_own():
    """Their part is that of the prompts themselves, which the cell variance takes off again."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(12), 6)
    values = (rng.normal(size=12)[labels]) + rng.normal(size=72)
    one, both = between_clusters(values, labels, 0.025), two_way(values, labels, np.arange(72), 0.025)
    assert ends(both) == pytest.approx(ends(one), rel=1e-6)


@pytest.mark.parametrize("rename", [lambda k: f"template {k}", lambda k: -k, lambda k: 10**9 + 7 * k])
def test_only_which_labels_agree_matters(rename):
    values, first, second = unbalanced(3)
    one, two = (np.array([rename(k) for k in labels]) for labels in (first, second))
    assert ends(between_clusters(values, one, 0.025)) == pytest.approx(ends(between_clusters(values, first, 0.025)))
    assert ends(two_way(values, one, two, 0.025)) == pytest.approx(ends(two_way(values, first, second, 0.025)))
    assert design_effect(values, one).icc == pytest.approx(design_effect(values, first).icc)


def test_one_cluster_is_refused():
    values, one, many = np.arange(4.0), np.zeros(4, int), np.arange(4)
    with pytest.raises(ValueError, match="cluster"):
        between_clusters(values, one, 0.025)
    for first, second in ((one, many), (many, one)):
        with pytest.raises(ValueError, match="cluster"):
            two_way(values, first, second, 0.025)


@pytest.mark.parametrize("labels", [np.arange(3), np.arange(5), np.array([], int)])
def test_labels_must_match_values_one_to_one(labels):
    values, right = np.arange(4.0), np.arange(4)
    for refused in (
        lambda: between_clusters(values, labels, 0.025),
        lambda: two_way(values, labels, right, 0.025),
        lambda: two_way(values, right, labels, 0.025),
        lambda: design_effect(values, labels),
    ):
        with pytest.raises(ValueError):
            refused()


# The design effect


@quick
@given(seeds)
def test_design_effect_is_that_of_a_one_way_analysis_of_variance(seed):
    values, labels, _ = unbalanced(seed)
    groups = [values[labels == k] for k in range(7)]
    ratio, sizes = f_oneway(*groups).statistic, np.array([len(group) for group in groups])
    typical = (len(values) - (sizes**2).sum() / len(values)) / 6
    icc = min(max((ratio - 1) / (ratio + typical - 1), 0), 1)
    effect = design_effect(values, labels)
    assert effect.icc == pytest.approx(icc, rel=1e-9, abs=1e-12)
    assert effect.mean_size == pytest.approx(len(values) / 7)
    assert effect.factor == pytest.approx(1 + (len(values) / 7 - 1) * icc, rel=1e-9)


def test_values_that_only_differ_between_clusters_count_once_per_cluster():
    effect = design_effect(np.repeat([1.0, 2.0, 4.0], 5), np.repeat([0, 1, 2], 5))
    assert (effect.icc, effect.mean_size, effect.factor) == pytest.approx((1, 5, 5))


def test_values_that_only_differ_within_clusters_have_no_design_effect():
    effect = design_effect(np.tile([1.0, 2.0, 4.0], 4), np.repeat(np.arange(4), 3))
    assert (effect.icc, effect.factor) == (0, 1)


@pytest.mark.parametrize("values", [np.random.default_rng(0).normal(size=12), np.ones(12)], ids=["normal", "constant"])
def test_clusters_of_one_have_no_design_effect(values):
    assert design_effect(values, np.arange(12)).factor == 1


def test_constant_values_have_a_finite_design_effect():
    assert 1 <= design_effect(np.full(12, 0.3), np.repeat(np.arange(4), 3)).factor <= 3


@pytest.mark.parametrize("icc", [0.0, 0.2, 0.6])
def test_design_effect_finds_the_correlation_that_the_data_have(icc):
    rng, labels = np.random.default_rng(6), np.repeat(np.arange(100), 16)
    between, within = rng.normal(size=(200, 100, 1)), rng.normal(size=(200, 100, 16))
    rows = (math.sqrt(icc) * between + math.sqrt(1 - icc) * within).reshape(200, 1600)
    effects = [design_effect(row, labels) for row in rows]
    assert np.mean([effect.icc for effect in effects]) == pytest.approx(icc, abs=0.01)
    assert np.mean([effect.factor for effect in effects]) == pytest.approx(1 + 15 * icc, abs=0.12)


# How often they miss. Templates differ with variance .2; names, where they do, with .1; a prompt makes up the rest.

RUNS = 2000
BALANCED = np.ones(8)
LOPSIDED = np.array([8, 4, 2, *[1] * 9])  # one of twelve has 8 of 23 prompts


def standard_error(p):
    return math.sqrt(p * (1 - p) / RUNS)


def misses(method, templates, names, between=(0.2, 0.1), n=128):
    """Shares of samples whose interval lies wholly (below, above) the mean over all templates and names, which is 0."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(RUNS):
        first = rng.choice(len(templates), n, p=templates / templates.sum())
        second = rng.choice(len(names), n, p=names / names.sum())
        effects = [math.sqrt(v) * rng.normal(size=k) for v, k in zip(between, (len(templates), len(names)), strict=True)]
        noise = math.sqrt(1 - sum(between)) * rng.normal(size=n)
        interval = method(effects[0][first] + effects[1][second] + noise, first, second)
        found.append((interval.high < 0, interval.low > 0))
    return np.mean(found, axis=0)


def one_way_of(values, first, second):
    return between_clusters(values, first, 0.025)


def both_ways_of(values, first, second):
    return two_way(values, first, second, 0.025)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("templates", [BALANCED, LOPSIDED], ids=["balanced", "lopsided"])
def test_an_interval_that_knows_the_clusters_misses_at_most_nominally_on_each_side(templates):
    assert max(misses(one_way_of, templates, np.ones(16), (0.2, 0.0))) <= 0.025 + 3 * standard_error(0.025)


@pytest.mark.parametrize(
    "templates, names, between",
    [
        (BALANCED, np.ones(16), (0.2, 0.1)),
        (BALANCED, LOPSIDED, (0.2, 0.1)),
        (LOPSIDED, LOPSIDED, (0.2, 0.1)),
        (np.ones(16), LOPSIDED, (0.0, 0.3)),
        (np.ones(16), np.ones(30), (0.0, 0.0)),
    ],
    ids=["balanced", "names lopsided", "both lopsided", "names alone differ", "nothing differs"],
)
@pytest.mark.sampled(1)
def test_two_way_misses_at_most_nominally_on_each_side(templates, names, between):
    assert max(misses(both_ways_of, templates, names, between)) <= 0.025 + 3 * standard_error(0.025)


def test_one_way_misses_too_often_where_names_differ_too():
    assert sum(misses(one_way_of, np.ones(16), LOPSIDED, (0.0, 0.3))) >= 0.2


def test_an_interval_that_knows_no_clusters_misses_six_times_as_often_on_each_side():
    missed = misses(lambda values, *_: student_t(values, 0.025), BALANCED, np.ones(16), (0.2, 0.0))
    assert min(missed) >= 6 * 0.025 - 3 * standard_error(0.15)
