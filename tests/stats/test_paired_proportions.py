"""Newcombe's method 10 for the difference of two proportions on the same prompts."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import gammaln
from statsmodels.stats.proportion import proportion_confint

from circuitcheck.stats import newcombe_paired, student_t

quick = settings(deadline=None, max_examples=100, derandomize=True)
tables = st.tuples(*[st.integers(0, 60)] * 4).filter(any)
alphas = st.sampled_from([0.2, 0.05, 0.002])


def ends(interval):
    return interval.low, interval.high


def difference(both, first, second, neither):
    return (first - second) / (both + first + second + neither)


def wilson_distances(successes, n, alpha):
    low, high = proportion_confint(successes, n, alpha, method="wilson")
    return successes / n - low, high - successes / n


def correlation(both, first, second, neither):
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    product = both * neither - first * second
    corrected = max(product - (both + first + second + neither) / 2, 0) if product > 0 else product
    return corrected / math.sqrt(margins) if margins else 0.0


def method_ten(both, first, second, neither, alpha):
    """Square-and-add: the distances of the two Wilson limits as the sides of a triangle whose angle has cosine phi."""
    n = both + first + second + neither
    phi = np.array([[1, -correlation(both, first, second, neither)]] * 2)
    phi[1] = phi[1, ::-1]
    down_1, up_1 = wilson_distances(both + first, n, alpha)
    down_2, up_2 = wilson_distances(both + second, n, alpha)
    reach = [math.sqrt(max(np.array(sides) @ phi @ sides, 0)) for sides in ((down_1, up_2), (up_1, down_2))]
    return difference(both, first, second, neither) - reach[0], difference(both, first, second, neither) + reach[1]


def test_newcombe_gives_the_reference_interval():
    assert ends(newcombe_paired(36, 12, 2, 0, 0.05)) == pytest.approx((0.0569295840, 0.3404276029), rel=0, abs=1e-10)


@quick
@given(tables, alphas)
def test_newcombe_adds_the_squares_of_wilson_distances(table, alpha):
    assert ends(newcombe_paired(*table, alpha)) == pytest.approx(method_ten(*table, alpha), abs=1e-7)


@pytest.mark.parametrize("table, phi", [((20, 5, 5, 20), 350 / 625), ((6, 5, 5, 6), 0), ((5, 20, 20, 5), -375 / 625)])
def test_newcombe_corrects_only_a_positive_correlation_and_not_below_zero(table, phi):
    n = sum(table)
    low, high = proportion_confint(n / 2, n, 0.05, method="wilson")
    expected = math.sqrt((0.5 - low) ** 2 + (high - 0.5) ** 2 - 2 * phi * (0.5 - low) * (high - 0.5))
    assert ends(newcombe_paired(*table, 0.05)) == pytest.approx((-expected, expected), abs=1e-12)


# Laws


@quick
@given(tables, alphas)
def test_swapping_the_two_flips_the_sign(table, alpha):
    both, first, second, neither = table
    low, high = ends(newcombe_paired(both, first, second, neither, alpha))
    assert ends(newcombe_paired(both, second, first, neither, alpha)) == pytest.approx((-high, -low), abs=1e-9)


@quick
@given(tables, alphas)
def test_calling_success_failure_flips_the_sign(table, alpha):
    both, first, second, neither = table
    low, high = ends(newcombe_paired(both, first, second, neither, alpha))
    assert ends(newcombe_paired(neither, second, first, both, alpha)) == pytest.approx((-high, -low), abs=1e-9)


@quick
@given(tables, alphas)
@example((0, 1, 0, 0), 0.05)
@example((0, 0, 1, 0), 0.05)
@example((1, 0, 0, 0), 0.05)
@example((0, 0, 0, 1), 0.05)
@example((0, 60, 0, 0), 0.05)
def test_newcombe_holds_the_sample_difference_and_stays_between_minus_one_and_one(table, alpha):
    interval = newcombe_paired(*table, alpha)
    assert -1 <= interval.low <= difference(*table) <= interval.high <= 1


@pytest.mark.parametrize("table", [(1, 0, 0, 0), (0, 0, 0, 1), (0, 1, 0, 0), (0, 0, 1, 0)])
def test_a_single_prompt_leaves_the_difference_wide_open(table):
    interval = newcombe_paired(*table, 0.05)
    assert interval.high - interval.low > 0.75
    assert 0 in interval


@pytest.mark.parametrize("table", [(32, 0, 0, 0), (0, 0, 0, 32), (16, 0, 0, 16), (31, 0, 0, 1)])
def test_views_that_always_agree_get_a_symmetric_interval_of_positive_width(table):
    interval = newcombe_paired(*table, 0.05)
    assert interval.low == pytest.approx(-interval.high, abs=1e-12)
    assert 0.01 < interval.high < 0.2


@pytest.mark.parametrize("table, wilson", [((32, 0, 0, 0), (32, 32)), ((0, 0, 0, 32), (0, 32))])
def test_views_that_always_succeed_or_fail_differ_by_at_most_one_wilson_distance(table, wilson):
    assert newcombe_paired(*table, 0.05).high == pytest.approx(max(wilson_distances(*wilson, 0.05)), abs=1e-12)


@quick
@given(tables, st.tuples(st.floats(0.001, 0.5), st.floats(0.001, 0.5)).map(sorted))
def test_more_confidence_never_narrows_newcombe(table, pair):
    strict, lax = (newcombe_paired(*table, alpha) for alpha in pair)
    assert strict.low <= lax.low + 1e-12
    assert strict.high >= lax.high - 1e-12


@pytest.mark.parametrize("table", [(0, 0, 0, 0), (-1, 2, 2, 2), (5, -1, 0, 0), (5, 0, -1, 0), (5, 0, 0, -1)])
def test_counts_that_no_sample_has_are_refused(table):
    with pytest.raises(ValueError):
        newcombe_paired(*table, 0.05)


# How often it misses: exact, by going through every table of n prompts


def every_table(n):
    a, b, c = np.meshgrid(*[np.arange(n + 1)] * 3, indexing="ij")
    possible = a + b + c <= n
    return np.array([a[possible], b[possible], c[possible], n - (a + b + c)[possible]])


def probabilities(counts, law):
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts == 0, 0.0, counts * np.log(law)[:, None])
    return np.exp(gammaln(counts[:, 0].sum() + 1) - gammaln(counts + 1).sum(axis=0) + logs.sum(axis=0))


@pytest.fixture(scope="module")
def enumerated():
    """For 16 and 32 prompts: every table and the ends of its interval."""
    found = {}
    for n in (16, 32):
        counts, interval = every_table(n), {}
        for a, b, c, d in counts.T.tolist():
            if b >= c and a >= d:  # The others follow by the two mirror images above.
                low, high = ends(newcombe_paired(a, b, c, d, 0.05))
                interval[a, b, c, d] = interval[d, b, c, a] = low, high
                interval[a, c, b, d] = interval[d, c, b, a] = -high, -low
        found[n] = counts, *np.array([interval[tuple(table)] for table in counts.T.tolist()]).T
    return found


def exact_misses(enumerated, law):
    """Probabilities that the interval lies wholly (below, above) the true difference."""
    counts, low, high = enumerated
    mass, truth = probabilities(counts, np.array(law)), law[1] - law[2]
    return mass[high < truth - 1e-12].sum(), mass[low > truth + 1e-12].sum()


LAWS = [
    ((1 - discordant) * share, discordant * lean, discordant * (1 - lean), (1 - discordant) * (1 - share))
    for discordant in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.9)
    for lean in (0.0, 0.25, 0.5, 0.6, 0.9, 1.0)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0)
]


@pytest.mark.parametrize("n, mean_tail", [(16, 0.0097), (32, 0.0104)])
def test_newcombe_misses_at_most_nominally_on_each_side_on_average_over_laws(enumerated, n, mean_tail):
    tails = np.array([exact_misses(enumerated[n], law) for law in LAWS])
    assert tails.mean() == pytest.approx(mean_tail, abs=0.002)
    assert tails.sum(axis=1).mean() <= 0.05


@pytest.mark.parametrize("n", [16, 32])
def test_newcombe_covers_every_law_of_the_grid_at_least_nine_times_in_ten(enumerated, n):
    assert max(sum(exact_misses(enumerated[n], law)) for law in LAWS) <= 0.10


@pytest.mark.parametrize("n", [16, 32])
@pytest.mark.parametrize("first, second", [(0.5, 0.5), (0.3, 0.6), (0.6, 0.3), (0.8, 0.4), (0.2, 0.7)])
def test_newcombe_misses_independent_views_at_most_twice_as_often_as_nominally_on_each_side(enumerated, n, first, second):
    law = first * second, first * (1 - second), (1 - first) * second, (1 - first) * (1 - second)
    assert max(exact_misses(enumerated[n], law)) <= 0.045


def test_newcombe_is_not_exact_where_rare_disagreements_all_go_one_way(enumerated):
    below, above = exact_misses(enumerated[32], (0.4675, 0.065, 0.0, 0.4675))
    assert below == pytest.approx(0.1036, abs=0.0005)
    assert above <= 0.001


@pytest.mark.parametrize("n, covers", [(16, 0.28), (32, 0.48)])
def test_newcombe_covers_a_difference_of_nearly_perfect_accuracies_where_student_t_does_not(enumerated, n, covers):
    law = np.array([0.975, 0.015, 0.005, 0.005])
    counts, _, _ = enumerated[n]
    differences = [np.repeat([0.0, 1.0, -1.0], [a + d, b, c]) for a, b, c, d in counts.T]
    by_t = [student_t(values, 0.025) for values in differences]
    covered = np.array([interval.low <= 0.01 <= interval.high for interval in by_t])
    assert probabilities(counts, law)[covered].sum() == pytest.approx(covers, abs=0.005)
    assert max(exact_misses(enumerated[n], law)) <= 0.025
