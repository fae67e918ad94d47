"""Means over clustered prompts: cluster-robust t intervals, one-way and two-way, and the design effect."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway
from scipy.stats import t as student
from statsmodels.api import OLS

from circuitcheck.stats import clustered_t, design_effect, student_t, two_way_t

quick = settings(deadline=None, max_examples=40, derandomize=True)
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


def variance_of_mean(values, labels):
    """G / (G - 1) times the sum of squared cluster totals of deviations, over n squared; written as a double sum."""
    deviations, count = values - values.mean(), len(set(labels))
    together = sum(
        deviations[i] * deviations[j] for i in range(len(values)) for j in range(len(values)) if labels[i] == labels[j]
    )
    return count / (count - 1) * together / len(values) ** 2


def symmetric(values, variance, df, tail):
    reach = student.isf(tail, df) * math.sqrt(variance)
    return values.mean() - reach, values.mean() + reach


@quick
@given(seeds, tails)
def test_clustered_t_sums_the_products_within_clusters(seed, tail):
    values, labels, _ = unbalanced(seed)
    expected = symmetric(values, variance_of_mean(values, labels), 6, tail)
    assert ends(clustered_t(values, labels, tail)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds, st.integers(2, 9), st.integers(1, 9), tails)
def test_clustered_t_of_clusters_of_equal_size_is_student_t_of_their_means(seed, clusters, size, tail):
    grid = np.random.default_rng(seed).normal(2, 1, (clusters, size))
    labels = np.repeat(np.arange(clusters), size)
    expected = ends(student_t(grid.mean(axis=1), tail))
    assert ends(clustered_t(grid.ravel(), labels, tail)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_clustered_t_of_clusters_of_one_is_student_t():
    values = np.random.default_rng(0).normal(size=30)
    assert ends(clustered_t(values, np.arange(30), 0.025)) == pytest.approx(ends(student_t(values, 0.025)))


@quick
@given(seeds, tails)
def test_clustered_t_is_that_of_statsmodels(seed, tail):
    values, labels, _ = unbalanced(seed)
    model = OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": labels}, use_t=True)
    assert ends(clustered_t(values, labels, tail)) == pytest.approx(model.conf_int(2 * tail)[0], rel=1e-9)


@quick
@given(seeds, tails)
def test_two_way_t_adds_both_ways_and_takes_off_what_they_share(seed, tail):
    values, first, second = unbalanced(seed)
    ways = [variance_of_mean(values, labels) for labels in (first, second)]
    shared = variance_of_mean(values, list(zip(first, second, strict=True)))
    variance = sum(ways) - shared if sum(ways) > shared else max(ways)
    assert ends(two_way_t(values, first, second, tail)) == pytest.approx(symmetric(values, variance, 4, tail), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_two_way_t_is_that_of_statsmodels(seed):
    values, first, second = unbalanced(seed)
    groups = np.column_stack([first, second])
    model = OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert ends(two_way_t(values, first, second, 0.025)) == pytest.approx(model.conf_int(0.05)[0], rel=1e-9)


@quick
@given(seeds)
def test_two_way_t_does_not_depend_on_which_way_comes_first(seed):
    values, first, second = unbalanced(seed)
    assert ends(two_way_t(values, first, second, 0.025)) == pytest.approx(ends(two_way_t(values, second, first, 0.025)))


def test_the_larger_way_stands_in_where_the_two_way_variance_is_not_positive():
    values = np.array([1.2, -0.8, -1.0, 1.0, 0.1, 0.3])
    first, second = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
    ways = variance_of_mean(values, first), variance_of_mean(values, second)
    assert 0 < min(ways) < max(ways) < sum(ways) < variance_of_mean(values, np.arange(6))
    expected = symmetric(values, max(ways), 1, 0.025)
    assert ends(two_way_t(values, first, second, 0.025)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rename", [lambda k: f"template {k}", lambda k: -k, lambda k: 10**9 + 7 * k])
def test_only_which_labels_agree_matters(rename):
    values, first, second = unbalanced(3)
    renamed = np.array([rename(k) for k in first]), np.array([rename(k) for k in second])
    assert ends(clustered_t(values, renamed[0], 0.025)) == pytest.approx(ends(clustered_t(values, first, 0.025)))
    assert ends(two_way_t(values, *renamed, 0.025)) == pytest.approx(ends(two_way_t(values, first, second, 0.025)))
    assert design_effect(values, renamed[0]).icc == pytest.approx(design_effect(values, first).icc)


def test_one_cluster_is_refused():
    values, one, many = np.arange(4.0), np.zeros(4, int), np.arange(4)
    with pytest.raises(ValueError, match="cluster"):
        clustered_t(values, one, 0.025)
    for first, second in ((one, many), (many, one)):
        with pytest.raises(ValueError, match="cluster"):
            two_way_t(values, first, second, 0.025)


@pytest.mark.parametrize("labels", [np.arange(3), np.arange(5), np.array([], int)])
def test_labels_must_match_values_one_to_one(labels):
    values, right = np.arange(4.0), np.arange(4)
    for refused in (
        lambda: clustered_t(values, labels, 0.025),
        lambda: two_way_t(values, labels, right, 0.025),
        lambda: two_way_t(values, right, labels, 0.025),
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


# The table: 8 templates of 16 prompts, variance .2 between templates (and .1 between names where these cross them)

RUNS = 2000
TEMPLATES, NAMES = np.repeat(np.arange(8), 16), np.tile(np.arange(16), 8)
METHODS = {
    "naive": lambda row: student_t(row, 0.025),
    "one-way": lambda row: clustered_t(row, TEMPLATES, 0.025),
    "two-way": lambda row: two_way_t(row, TEMPLATES, NAMES, 0.025),
}


def standard_error(p):
    return math.sqrt(p * (1 - p) / RUNS)


@pytest.fixture(scope="module")
def misses():
    """For each share of variance between names and each method: shares of runs wholly (below, above) the mean."""
    found = {}
    for names in (0.0, 0.1):
        rng = np.random.default_rng(8)
        templates, name, rest = (rng.normal(size=(RUNS, *shape)) for shape in ((8, 1), (1, 16), (8, 16)))
        grid = math.sqrt(0.2) * templates + math.sqrt(names) * name + math.sqrt(0.8 - names) * rest
        for method in METHODS if names else ("naive", "one-way"):
            intervals = [METHODS[method](row) for row in grid.reshape(RUNS, 128)]
            found[names, method] = np.mean([i.high < 0 for i in intervals]), np.mean([i.low > 0 for i in intervals])
    return found


@pytest.mark.parametrize(
    "names, method, coverage",
    [(0.0, "naive", 0.677), (0.0, "one-way", 0.955),
     (0.1, "naive", 0.638), (0.1, "one-way", 0.936), (0.1, "two-way", 0.957)],
)  # fmt: skip
def test_coverage_of_clustered_means_is_that_of_the_table(misses, names, method, coverage):
    assert 1 - sum(misses[names, method]) == pytest.approx(coverage, abs=3 * standard_error(coverage) + 0.005)


@pytest.mark.parametrize("names, method", [(0.0, "one-way"), (0.1, "two-way")])
def test_an_interval_that_knows_the_clusters_misses_at_most_nominally_on_each_side(misses, names, method):
    assert max(misses[names, method]) <= 0.025 + 3 * standard_error(0.025)


def test_an_interval_that_knows_no_clusters_misses_six_times_as_often_on_each_side(misses):
    assert min(misses[0.0, "naive"]) >= 6 * 0.025 - 3 * standard_error(0.15)
