"""Many means at once: against every flip of signs, against intervals of one mean, and over 1,000 sweeps of nothing."""

from itertools import product

import numpy as np
import pytest
from scipy import special

from circuitcheck import stats


def values_of(seed, cells=5, units=10, shift=0.0):
    drawn = np.random.default_rng(seed)
    shared = drawn.standard_normal(units)
    return np.exp(drawn.standard_normal((cells, units)) * 0.6 + 0.5 * shared) - 1.2 + shift


@pytest.mark.parametrize("q", [1.7, 2.8, 4.2])
def test_a_statistic_above_q_is_an_interval_that_leaves_out_0(q):
    values = np.concatenate([values_of(seed, shift=shift) for seed, shift in product(range(8), (-2.0, -0.5, 0.0, 0.5, 1.5))])
    tail = float(special.stdtr(values.shape[1] - 1, -q))
    outside = [0.0 not in stats.skew_guarded(each, tail) for each in values]
    assert 0 < sum(outside) < len(outside)
    assert (np.abs(stats.guarded_t(values)) > q).tolist() == outside


def test_ends_are_those_of_one_mean_and_undo_a_ratio():
    values, q = values_of(3, cells=4, units=20), 3.1
    low, high = stats.ends(values, np.ones_like(values), q)
    for n, each in enumerate(values):
        found = stats.skew_guarded(each, float(special.stdtr(19, -q)))
        assert (low[n], high[n]) == pytest.approx((found.low, found.high), abs=1e-9)
    below = 2 + np.random.default_rng(1).standard_normal(values.shape) * 0.2
    low, high = stats.ends(values, below, q)
    for end in (low, high):
        assert np.abs(stats.guarded_t(values - end[:, None] * below)) == pytest.approx(q, abs=1e-6)
    noisy, _ = stats.ends(values, np.ones_like(values), q, (0.5, 0.0))
    assert noisy == pytest.approx(stats.ends(values, np.ones_like(values), q)[0] - 0.5)


def test_adjusted_p_are_those_of_all_flips_step_by_step():
    values = values_of(5, cells=4, units=9, shift=0.25)
    values[0] += 1.2
    statistic = np.abs(stats.guarded_t(values))
    order, centred = np.argsort(-statistic), values - values.mean(axis=1, keepdims=True)
    flipped = [centred * signs for signs in product((-1.0, 1.0), repeat=9)]
    drawn = np.array([abs(each.mean(axis=1) / (each.std(axis=1, ddof=1) / 3)) for each in flipped])
    expected, before = np.empty(4), 0.0
    for place, cell in enumerate(order):
        left = order[place:]
        before = max(before, float((drawn[:, left].max(axis=1) >= statistic[cell]).mean()))
        expected[cell] = before
    found = stats.step_down(values, draws=20_000)
    assert found.family == pytest.approx(expected, abs=0.012)
    assert found.critical == pytest.approx(np.quantile(drawn.max(axis=1), 0.95), rel=0.03)


def test_cells_that_move_together_pay_for_one():
    """Bonferroni's critical value for 60 cells is 3.6; for one it is 2.0."""
    drawn = np.random.default_rng(2)
    apart = drawn.standard_normal((60, 64))
    together = apart[:1] + 0.01 * apart
    assert stats.step_down(together).critical < 2.3 < 3.3 < stats.step_down(apart).critical


def test_what_cannot_be_told_is_not_marked_and_is_counted():
    values = values_of(1, cells=3, units=30)
    values[1] = 2.0
    values[2] += 5
    found = stats.step_down(values, [0.0, 0.0, 0.0])
    assert found.family[1] == 1
    assert found.family[2] < 0.01
    assert stats.step_down(values, [0.0, 0.0, 10.0]).family[2] == 1  # within the noise
    assert stats.step_down(values, cells=300).rate[2] > 50 * found.rate[2]
    assert stats.step_down(values[1:2]).critical == np.inf
    for bad in (np.array([[1.0, np.nan]]), np.ones((0, 4)), np.ones((2, 1)), np.ones(3)):
        with pytest.raises(ValueError, match="finite values"):
            stats.step_down(bad)


def null_values(drawn, kind, units, correlation, cells=300):
    normal = np.sqrt(1 - correlation) * drawn.standard_normal((cells, units))
    normal += np.sqrt(correlation) * drawn.standard_normal(units)
    if kind == "normal":
        return normal
    if kind == "t3":
        return normal / np.sqrt(drawn.chisquare(3, units))  # variance 1
    return -np.log(special.ndtr(-normal)) - 1  # exponential


@pytest.mark.slow
@pytest.mark.parametrize("kind, units", [("normal", 64), ("exponential", 64), ("t3", 64), ("normal", 128)])
def test_marks_err_in_no_more_sweeps_than_they_say(kind, units):
    """1,000 sweeps of 300 null cells of correlation .3, then with 30 true effects of half a standard deviation: at most 5%
    of sweeps with a wrong mark (within 2.5 standard errors of the simulation), and at least the power of Bonferroni's
    intervals by the same guarded statistic. This file, run by itself, prints the table in docs/statistics.md."""
    wrong, still_wrong, power, bonferroni, *_ = simulated(kind, units, 0.3, 1000)
    assert max(wrong, still_wrong) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 1000)
    assert power >= bonferroni


def plain_t(values):
    return values.mean(axis=1) / (values.std(axis=1, ddof=1) / np.sqrt(values.shape[1]))


def simulated(kind, units, correlation, sweeps):
    """Of step-down: share of sweeps with a wrong mark without and with true effects, and power. Of Bonferroni with the same
    guarded statistic: power. Of Bonferroni with plain t: share of sweeps with a wrong mark, and power."""
    drawn, found = np.random.default_rng(20), np.zeros(6)
    critical = -special.stdtrit(units - 1, 0.025 / 300)
    for number in range(sweeps):
        values = null_values(drawn, kind, units, correlation)
        found[4] += (np.abs(plain_t(values)) > critical).any()
        found[0] += (stats.step_down(values, draws=1000, seed=number).family <= 0.05).any()
        values[::10] += 0.5
        marked = stats.step_down(values, draws=1000, seed=number).family <= 0.05
        found[1] += np.delete(marked, np.s_[::10]).any()
        found[2] += marked[::10].mean()
        found[3] += (np.abs(stats.guarded_t(values)) > critical)[::10].mean()
        found[5] += (np.abs(plain_t(values)) > critical)[::10].mean()
    return found / sweeps


if __name__ == "__main__":
    for kind, units, correlation in product(("normal", "exponential", "t3"), (64, 128), (0.3, 0.6, 0.9)):
        print(kind, units, correlation, simulated(kind, units, correlation, 1000).round(3), flush=True)
