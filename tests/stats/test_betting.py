"""The betting interval of a bounded mean: a mixture over constant stakes, against a slow computation and its own laws."""

import math

import numpy as np
import pytest
from how_many import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import binom

from circuitcheck.stats import betting_interval, betting_side

quick = settings(deadline=None, max_examples=examples(40), derandomize=True)
LOOKS = (32, 64, 128, 256, 512)
STAKES = np.geomspace(0.005, 0.95, 10)
GRID = np.linspace(0, 1, 4001)[1:-1] + 1e-5 / math.pi
eighths = st.lists(st.integers(0, 8).map(lambda k: k / 8), min_size=1, max_size=150).map(np.array)
means = st.floats(0.01, 0.99)
alphas = st.sampled_from([0.2, 0.05, 0.004])


def log_capital_against_smaller(values, means):
    """ln K_up at each of `means` (above 0), for values in [0, 1]."""
    growth = [np.log1p(stake * (values / np.reshape(means, (-1, 1)) - 1)).sum(axis=1) for stake in STAKES]
    return logsumexp(growth, axis=0) - math.log(len(STAKES))


def reached(values, means, alpha):
    """Whether the capital against (means this small, means this large) is 2 / alpha or more."""
    up = log_capital_against_smaller(values, means)
    down = log_capital_against_smaller(1 - values, 1 - np.array(means))
    return up >= math.log(2 / alpha), down >= math.log(2 / alpha)


def bounded_data(name):
    rng = np.random.default_rng(5)
    return {
        "uniform": rng.random(120),
        "beta(2,5)": rng.beta(2, 5, 200),
        "mostly zero": np.where(rng.random(150) < 0.9, 0.0, rng.random(150)),
        "coin": rng.integers(0, 2, 64).astype(float),
        "one value": np.array([0.7]),
        "constant": np.full(64, 0.25),
        "all at the bottom": np.zeros(64),
        "all at the top": np.ones(64),
        "halves far apart": np.r_[np.full(100, 0.9), np.full(200, 0.1)],
    }[name]


DEGENERATE = ["one value", "constant", "all at the bottom", "all at the top"]
ORDINARY = ["uniform", "beta(2,5)", "mostly zero", "coin", "halves far apart"]
NAMES = [*ORDINARY, *DEGENERATE]


@pytest.mark.parametrize("alpha", [0.05, 0.004])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sampled(3)
def test_betting_holds_each_mean_against_which_no_capital_reaches_two_over_alpha(name, alpha):
    values = bounded_data(name)
    interval = betting_interval(values, 0, 1, alpha)
    inside = (interval.low <= GRID) & (interval.high >= GRID)
    up, down = reached(values, GRID, alpha)
    np.testing.assert_array_equal(inside, ~(up | down))


@pytest.mark.parametrize("name", ORDINARY)
def test_betting_ends_where_the_capital_is_two_over_alpha(name):
    values = bounded_data(name)
    interval = betting_interval(values, 0, 1, 0.05)
    assert log_capital_against_smaller(values, interval.low) == pytest.approx(math.log(40), abs=1e-4)
    assert log_capital_against_smaller(1 - values, 1 - interval.high) == pytest.approx(math.log(40), abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_betting_side_is_that_of_the_capital_which_reached_two_over_alpha(name):
    values, candidates = bounded_data(name), np.linspace(0.005, 0.995, 100)
    up, down = reached(values, candidates, 0.05)
    expected = up.astype(int) - down.astype(int)
    assert [betting_side(values, 0, 1, 0.05, mean) for mean in candidates] == expected.tolist()


def test_betting_rescales_to_its_bounds():
    values = bounded_data("beta(2,5)")
    interval = betting_interval(-3 + 8 * values, -3, 5, 0.05)
    inside = (interval.low <= -3 + 8 * GRID) & (interval.high >= -3 + 8 * GRID)
    up, down = reached(values, GRID, 0.05)
    np.testing.assert_array_equal(inside, ~(up | down))


@pytest.mark.parametrize("threshold, side", [(-0.001, 1), (-math.inf, 1), (1.001, -1), (math.inf, -1)])
def test_a_threshold_outside_the_bounds_is_decided_by_any_data(threshold, side):
    for values in (np.array([]), np.zeros(1), np.ones(3), np.full(64, 0.5)):
        assert betting_side(values, 0, 1, 0.05, threshold) == side


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_values_all_at_a_bound_never_exclude_that_bound(bound):
    values = np.full(512, bound)
    assert bound in betting_interval(values, 0, 1, 0.05)
    assert betting_side(values, 0, 1, 0.05, bound) == 0


def test_a_single_value_above_its_lower_bound_excludes_that_bound():
    values = np.r_[np.zeros(63), 0.5]
    assert betting_side(values, 0, 1, 0.05, 0.0) == 1
    assert betting_interval(values, 0, 1, 0.05).low > 0


def test_no_values_say_nothing():
    interval = betting_interval(np.array([]), -2, 3, 0.05)
    assert (interval.low, interval.high) == (-2, 3)


@pytest.mark.parametrize("values", [[0.5, 1.001], [-0.001, 0.5], [0.5, math.nan]])
def test_values_outside_their_bounds_are_refused(values):
    with pytest.raises(ValueError):
        betting_interval(np.array(values), 0, 1, 0.05)
    with pytest.raises(ValueError):
        betting_side(np.array(values), 0, 1, 0.05, 0.5)


# Laws


@quick
@given(eighths, means, alphas, st.randoms(use_true_random=False))
def test_the_order_of_values_never_matters(values, mean, alpha, random):
    shuffled = np.array(random.sample(values.tolist(), len(values)))
    plain, again = betting_interval(values, 0, 1, alpha), betting_interval(shuffled, 0, 1, alpha)
    assert (again.low, again.high) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert betting_side(shuffled, 0, 1, alpha, mean) == betting_side(values, 0, 1, alpha, mean)


@quick
@given(eighths, st.floats(-20, 20), st.floats(0.05, 20), alphas)
def test_betting_follows_shift_and_scale_of_data_and_bounds(values, shift, scale, alpha):
    plain = betting_interval(values, 0, 1, alpha)
    moved = betting_interval(np.clip(shift + scale * values, shift, shift + scale), shift, shift + scale, alpha)
    expected = shift + scale * plain.low, shift + scale * plain.high
    assert (moved.low, moved.high) == pytest.approx(expected, abs=1e-7 * (scale + abs(shift)))


@quick
@given(eighths, means, alphas)
def test_betting_mirrors_with_its_data(values, mean, alpha):
    plain, mirrored = betting_interval(values, 0, 1, alpha), betting_interval(1 - values, 0, 1, alpha)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - plain.high, 1 - plain.low), abs=1e-9)
    assert betting_side(1 - values, 0, 1, alpha, 1 - mean) == -betting_side(values, 0, 1, alpha, mean)


@quick
@given(eighths, alphas)
@example(np.zeros(1), 0.05)
@example(np.ones(512), 0.05)
@example(np.full(512, 0.1), 0.9)
@example(np.r_[np.zeros(511), 1.0], 0.05)
def test_the_sample_mean_is_always_inside(values, alpha):
    interval = betting_interval(values, 0, 1, alpha)
    assert 0 <= interval.low <= values.mean() <= interval.high <= 1
    assert betting_side(values, 0, 1, alpha, float(values.mean())) == 0


@quick
@given(eighths, means, alphas)
def test_betting_takes_a_side_exactly_where_the_threshold_is_outside_the_interval(values, mean, alpha):
    interval = betting_interval(values, 0, 1, alpha)
    expected = int(mean < interval.low) - int(mean > interval.high)
    assert betting_side(values, 0, 1, alpha, mean) == expected


@quick
@given(eighths, st.tuples(st.floats(0.001, 0.9), st.floats(0.001, 0.9)).map(sorted))
def test_more_confidence_never_narrows_a_betting_interval(values, pair):
    strict, lax = (betting_interval(values, 0, 1, alpha) for alpha in pair)
    assert strict.low <= lax.low + 1e-9
    assert strict.high >= lax.high - 1e-9


# How often it misses, at any look


def exact_misses(p, looks):
    """Probabilities that some look at 0/1 values of mean `p` takes the side (below `p`, above `p`)."""
    alive, below, above, before = np.ones(1), 0.0, 0.0, 0
    for n in looks:
        alive = np.convolve(alive, binom.pmf(np.arange(n - before + 1), n - before, p))
        sides = np.array([betting_side(np.repeat([0.0, 1.0], [n - s, s]), 0, 1, 0.05, p) for s in range(n + 1)])
        below, above = below + alive[sides < 0].sum(), above + alive[sides > 0].sum()
        alive, before = np.where(sides == 0, alive, 0.0), n
    return below, above


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.95])
def test_betting_on_coins_misses_at_most_half_of_alpha_on_each_side_over_all_looks(p):
    below, above = exact_misses(p, LOOKS)
    assert below + above > 0
    assert max(below, above) <= 0.025


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_betting_on_coins_misses_at_most_half_of_alpha_looked_at_after_every_one_of_96_prompts(p):
    assert max(exact_misses(p, range(1, 97))) <= 0.025


@pytest.mark.parametrize("a, b", [(2, 5), (0.5, 20)])
@pytest.mark.sampled(1)
def test_betting_on_beta_values_misses_at_most_half_of_alpha_on_each_side_over_all_looks(a, b):
    runs, mean = 2000, a / (a + b)
    rows = np.random.default_rng(7).beta(a, b, (runs, 512))
    sides = np.array([[betting_side(row[:n], 0, 1, 0.05, mean) for n in LOOKS] for row in rows])
    for side in (-1, 1):
        assert np.any(sides == side, axis=1).mean() <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / runs)
