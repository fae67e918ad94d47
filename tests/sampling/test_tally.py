"""How many of the head sets are beaten: draws, ties, shares and the verdict, after every draw."""

import math
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import betaln

from circuitcheck.sampling import Tally

quick = settings(deadline=None, max_examples=60, derandomize=True)
ALPHA = 0.05
shares = st.floats(0.02, 0.98)


@st.composite
def tallies(draw):
    draws = draw(st.integers(0, 300))
    beaten = draw(st.integers(0, draws))
    shown = draw(st.integers(0, beaten))
    return Tally(draws, beaten, shown, draw(st.integers(0, draws - beaten)), draw(st.booleans()) and draws > 0)


def all_beaten(draws):
    return Tally(draws, draws, draws, 0, False)


def log_capital(successes, n, p):
    """ln E(p), the mixture martingale of STATISTICS.md with a = b = 1/2."""
    mixture = betaln(0.5 + successes, 0.5 + n - successes) - betaln(0.5, 0.5)
    return mixture - successes * math.log(p) - (n - successes) * math.log1p(-p)


def by_hand(successes, n, alpha):
    """The p with E(p) < 1 / alpha."""
    peak, edge = successes / n, 1e-12

    def excess(p):
        return log_capital(successes, n, p) + math.log(alpha)

    low = 0.0 if successes == 0 else brentq(excess, edge, min(peak, 1 - edge), xtol=1e-14)
    high = 1.0 if successes == n else brentq(excess, max(peak, edge), 1 - edge, xtol=1e-14)
    return low, high


# One more set


@pytest.mark.parametrize(
    "ahead, noise, shown, beaten, tied",
    [
        (1.0, 0.0, True, True, False),
        (1.0, 0.0, False, True, False),
        (1e-9, 0.0, False, True, False),
        (0.0, 0.0, False, False, True),
        (-1e-9, 0.0, False, False, False),
        (-1.0, 0.0, False, False, False),
        (0.19, 0.2, False, False, True),
        (-0.19, 0.2, False, False, True),
        (0.21, 0.2, True, True, False),
        (-0.21, 0.2, False, False, False),
    ],
)
def test_a_set_is_beaten_where_the_effect_is_ahead_by_more_than_the_noise(ahead, noise, shown, beaten, tied):
    before = Tally(10, 7, 5, 2, False)
    after = before.plus(ahead, noise=noise, shown=shown)
    assert (after.draws, after.beaten, after.ties) == (11, 7 + beaten, 2 + tied)
    assert after.shown == 5 + (beaten and shown)
    assert before == Tally(10, 7, 5, 2, False)


@pytest.mark.parametrize("ahead, noise", [(0.0, 0.0), (0.1, 0.2), (-1.0, 0.0), (math.nan, 0.0)])
def test_a_set_that_is_not_beaten_is_never_shown_beaten(ahead, noise):
    after = Tally().plus(ahead, noise=noise, shown=True)
    assert (after.draws, after.beaten, after.shown) == (1, 0, 0)


# Intervals


@quick
@given(tallies().filter(lambda tally: tally.draws and not tally.complete), st.sampled_from([0.01, 0.05, 0.2]))
def test_shares_of_drawn_sets_have_the_beta_binomial_sequence(tally, alpha):
    for interval, successes in zip(tally.intervals(alpha), (tally.shown, tally.beaten), strict=True):
        assert (interval.low, interval.high) == pytest.approx(by_hand(successes, tally.draws, alpha), abs=1e-9)


@quick
@given(tallies().filter(lambda tally: tally.complete))
def test_shares_of_all_sets_are_exact(tally):
    shown, beaten = tally.intervals(ALPHA)
    assert shown.low == shown.high == tally.shown / tally.draws
    assert beaten.low == beaten.high == tally.beaten / tally.draws


def test_without_draws_nothing_is_known():
    for interval in Tally().intervals(ALPHA):
        assert (interval.low, interval.high) == (0, 1)
    assert Tally().verdict(0.95, ALPHA) == "inconclusive"


# Verdicts


@pytest.mark.parametrize("share, needed", [(0.95, 116), (0.90, 53)])
def test_draws_needed_with_no_loss(share, needed):
    assert all_beaten(needed).verdict(share, ALPHA) == "supported"
    assert all_beaten(needed - 1).verdict(share, ALPHA) == "inconclusive"


@pytest.mark.parametrize("share, fixed", [(0.95, 72), (0.90, 36)])
def test_draws_that_would_be_enough_for_one_fixed_sample_are_not_when_each_draw_is_looked_at(share, fixed):
    assert all_beaten(fixed).verdict(share, ALPHA) == "inconclusive"


@quick
@given(tallies(), shares, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_verdict_is_what_the_two_intervals_say(tally, share, alpha):
    shown, beaten = tally.intervals(alpha)
    expected = "supported" if shown.low >= share else "refuted" if beaten.high < share else "inconclusive"
    assert tally.verdict(share, alpha) == expected
    assert not (shown.low >= share and beaten.high < share)


@pytest.mark.parametrize(
    "beaten, draws, share", [(19, 20, 0.95), (57, 60, 0.95), (9, 10, 0.9), (1, 2, 0.5), (700, 1000, 0.7)]
)
def test_exactly_the_share_of_all_sets_is_enough_and_one_less_is_not(beaten, draws, share):
    assert Tally(draws, beaten, beaten, 0, True).verdict(share, ALPHA) == "supported"
    assert Tally(draws, beaten - 1, beaten - 1, 0, True).verdict(share, ALPHA) == "refuted"


@pytest.mark.parametrize("complete, draws", [(True, 20), (False, 400)])
def test_sets_ahead_by_chance_neither_support_nor_refute(complete, draws):
    assert Tally(draws, draws, draws // 2, 0, complete).verdict(0.95, ALPHA) == "inconclusive"
    assert Tally(draws, draws // 2, draws // 2, 0, complete).verdict(0.95, ALPHA) == "refuted"


def test_ties_count_against_it():
    tied = Tally(20, 18, 18, 2, True)
    assert tied.verdict(0.95, ALPHA) == "refuted"
    assert replace(tied, beaten=20, shown=20, ties=0).verdict(0.95, ALPHA) == "supported"


@quick
@given(tallies(), shares, shares)
def test_what_is_shown_of_a_share_is_shown_of_a_smaller_one(tally, one, other):
    small, large = sorted((one, other))
    if tally.verdict(large, ALPHA) == "supported":
        assert tally.verdict(small, ALPHA) == "supported"
    if tally.verdict(small, ALPHA) == "refuted":
        assert tally.verdict(large, ALPHA) == "refuted"


@quick
@given(tallies(), shares)
def test_a_verdict_at_more_confidence_is_one_at_less(tally, share):
    strict = tally.verdict(share, 0.01)
    assert strict in ("inconclusive", tally.verdict(share, 0.05))


# How often it is wrong


def chance_of(share, alpha, most):
    """Exactly: (supported, refuted) within `most` draws of which each is beaten, beyond doubt, with probability `share`.

    At each draw the verdict is the product's own: supported from `top` beaten sets on, refuted up to `bottom`.
    """
    alive, supported, refuted = np.array([1.0]), 0.0, 0.0
    top, bottom = 0, -1

    def verdict(beaten, n):
        return Tally(n, beaten, beaten, 0, False).verdict(share, alpha)

    for n in range(1, most + 1):
        alive = np.append(alive * (1 - share), 0.0) + np.append(0.0, alive * share)
        while top <= n and verdict(top, n) != "supported":
            top += 1
        while verdict(bottom + 1, n) == "refuted":
            bottom += 1
        supported += alive[top:].sum()
        refuted += alive[: bottom + 1].sum()
        alive[top:], alive[: bottom + 1] = 0.0, 0.0
    return supported, refuted


@pytest.mark.parametrize("share, support, refute", [(0.5, 0.0177, 0.0177), (0.8, 0.0110, 0.0224), (0.95, 0.0048, 0.0160)])
def test_verdicts_at_the_share_itself_keep_to_half_of_the_error_on_each_side(share, support, refute):
    found = chance_of(share, ALPHA, 512)
    assert max(found) <= ALPHA / 2
    assert found == pytest.approx((support, refute), abs=5e-5)


def test_both_sides_together_keep_to_the_error_where_one_takes_more_than_half_of_it():
    """At .98 a wrong refutation has .0276: one martingale serves both sides, and splits nothing."""
    support, refute = chance_of(0.98, ALPHA, 512)
    assert support + refute <= ALPHA
    assert refute == pytest.approx(0.0276, abs=5e-5)


def test_a_run_of_draws_does_not_end_both_supported_and_refuted():
    """Intervals of one run overlap as long as none is wrong: a run that was supported at .95 is not refuted at .5 later."""
    rng = np.random.default_rng(0)
    for beaten in rng.random((10, 150)) < rng.random((10, 1)):
        run = accumulate(beaten, lambda tally, won: tally.plus(1.0 if won else -1.0, noise=0, shown=True), initial=Tally())
        verdicts = [tally.verdict(0.5, 1e-6) for tally in run]
        assert {"supported", "refuted"} - set(verdicts)
