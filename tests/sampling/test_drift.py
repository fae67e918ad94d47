"""The word for a change: which it is where the truth is known, and how often it is wrong."""

import numpy as np
import pytest
from every_estimand import quick
from hypothesis import given
from hypothesis import strategies as st

from circuitcheck.sampling import Above, Below, Noise, Pair, Proportion, RatioOfMeans, RealMean, Within, drifts
from circuitcheck.sampling.means import BoundedMean

RNG = np.random.default_rng(11)
BASE = RNG.normal(0, 1, 128)
SMALL = RNG.normal(0, 0.2, 128)
SMALL -= SMALL.mean()
NEAR = BASE - BASE.mean()  # mean 0


def pair(shift, region=None, verdict="supported", now="supported", *, old=NEAR, noise=0.0, **more):
    floor = Noise(noise, noise)
    new = old + SMALL + shift
    return Pair(RealMean(old, floor), RealMean(new, floor), region or Below(1.0), verdict, now, 0.05, **more)


def word(*arguments, **more):
    return drifts([pair(*arguments, **more)])[0].word


def test_a_small_change_far_from_the_threshold_holds():
    found = drifts([pair(0.1)])[0]
    assert found.word == "holds"
    assert (found.before, found.now, found.margin) == pytest.approx((0.0, 0.1, 0.5))
    assert found.change[0] < 0.1 < found.change[1] < 0.5


def test_a_change_beyond_the_margin_moved_towards_the_threshold_or_away():
    assert word(0.7) == "moved"
    assert word(-0.7) == "moved"


def test_a_number_beyond_the_threshold_broke():
    assert word(1.6) == "broke"
    assert word(1.6, now="refuted") == "broke"


def test_a_change_near_the_margin_cannot_be_told_and_says_what_would_hold():
    found = drifts([pair(0.49)])[0]
    assert found.word == "cannot tell"
    assert found.needed == pytest.approx(found.change[1])
    assert drifts([pair(0.49, declared=found.needed + 1e-6)])[0].word == "holds"


def test_prompts_more_are_said_where_they_can_be_planned():
    found = drifts([pair(0.47)])[0]
    assert found.word == "cannot tell"
    assert 100 < found.more < 1000
    assert drifts([pair(0.4999)])[0].more is None


def test_prompts_more_allow_for_a_wider_interval_than_the_spread_of_the_values():
    """As of values between bounds: a few more prompts than there are would not tell."""
    drawn = np.random.default_rng(11)
    old = drawn.uniform(0.2, 0.6, 192)
    old, new = (BoundedMean(each, 0.0, 1.0) for each in (old, old + drawn.normal(0.03, 0.1, 192).clip(-0.2, 0.4)))
    found = drifts([Pair(old, new, Below(0.9), "supported", "supported", 0.05, declared=0.07)])[0]
    assert found.word == "cannot tell"
    assert 100 < found.more < 1000


def test_a_refuted_claim_breaks_the_other_way():
    region = Above(1.0)  # refuted: the number is below
    assert word(1.6, region, "refuted", "supported") == "broke"
    assert word(0.1, region, "refuted", "refuted") == "holds"


def test_within_a_margin_either_side_breaks():
    region = Within(0.0, 1.0)
    assert word(1.6, region) == word(-1.6, region) == "broke"
    assert word(0.1, region) == "holds"


def test_what_was_undecided_cannot_break():
    assert word(1.6, Below(0.01), "inconclusive", "refuted") == "moved"


def test_a_claim_does_not_break_by_a_number_that_was_there_before():
    """The earlier sample lay on the other side already: nothing carried it there."""
    assert word(0.0, Below(-0.5), "supported", "refuted") != "broke"


def test_a_claim_does_not_break_where_the_change_is_not_shown():
    """The new number is known well, and lies beyond the threshold; the old one may have lain there, too."""
    old = RealMean(0.9 + 5 * NEAR)
    new = RealMean(1.2 + 0.1 * RNG.normal(0, 1, 128))
    assert drifts([Pair(old, new, Below(1.0), "supported", "refuted", 0.05)])[0].word == "cannot tell"


def test_unchanged_values_hold_without_statistics():
    assert word(0.0, Below(0.001), unchanged=True) == "holds"
    assert word(0.0, Below(0.001), "supported", "refuted", unchanged=True) == "cannot tell"


def test_a_margin_within_the_noise_floor_is_refused():
    found = drifts([pair(0.0, noise=0.3)])[0]
    assert found.word == "cannot tell"
    assert "noise floor" in found.reason


def test_a_census_is_exact():
    assert word(0.49, census=True) == "holds"
    assert word(0.51, census=True) == "moved"


def test_values_that_all_change_by_the_same_amount_give_no_word():
    found = drifts([Pair(RealMean(BASE), RealMean(BASE + 2), Below(1.0), "supported", "refuted", 0.05)])[0]
    assert found.word == "cannot tell"
    assert "equal" in found.reason


def test_a_broken_task_is_told():
    below = 4 + NEAR
    old, new = RatioOfMeans(below / 2, below), RatioOfMeans(below / 2, NEAR)
    found = drifts([Pair(old, new, Below(0.8), "supported", "inconclusive", 0.05)])[0]
    assert found.word == "cannot tell"
    assert "now: the model does not do the task" in found.reason


def test_shares_of_prompts_are_judged_exactly():
    old = (RNG.random(512) < 0.9).astype(float)
    new = old * (RNG.random(512) < 0.5)
    assert drifts([Pair(Proportion(old), Proportion(new), Above(0.8), "supported", "refuted", 0.05)])[0].word == "broke"
    equal = drifts([Pair(Proportion(old[:32]), Proportion(old[:32]), Above(0.99), "refuted", "refuted", 0.05)])[0]
    assert equal.word == "cannot tell"  # 32 prompts without a change do not show that there is none


def test_alarms_share_one_error_by_holms_steps():
    weak = next(shift for shift in np.linspace(0.5, 0.7, 400) if word(shift) == "moved")
    alone, among = drifts([pair(weak)])[0], drifts([pair(weak), *[pair(0.1)] * 20])
    assert (alone.word, among[0].word) == ("moved", "cannot tell")
    assert "not at the level that holds for 21 claims together" in among[0].reason
    assert {each.word for each in among[1:]} == {"holds"}
    second = next(shift for shift in np.linspace(0.5, 0.7, 400) if drifts([pair(shift), pair(0.1)])[0].word == "moved")
    first = np.nextafter(second, 0) - 0.0005
    if word(first) == "moved":  # by itself; and again once the other alarm is known
        assert [each.word for each in drifts([pair(first), pair(3.0)])] == ["moved", "broke"]


@quick
@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(0.1, 3))
def test_a_wider_margin_never_turns_holds_into_an_alarm(seed, shift, margin):
    rng = np.random.default_rng(seed)
    old = rng.normal(0, 1, 64)
    new = old + rng.normal(shift, 0.5, 64)
    words = [
        drifts([Pair(RealMean(old), RealMean(new), Below(5.0), "supported", "supported", 0.05, declared=each)])[0].word
        for each in (margin, 2 * margin)
    ]
    assert words[0] not in ("holds",) or words[1] == "holds"
    assert words[1] != "moved" or words[0] == "moved"


@pytest.mark.parametrize("kind", ["mean", "ratio", "share"])
@pytest.mark.sampled(1)
def test_false_alarms_are_at_most_nominal_and_planted_drift_is_found(kind):
    """The change is exactly the margin: MOVED is wrong. Then it is three times the margin."""
    rng = np.random.default_rng(5)
    found = {times: [_once(kind, times, rng) for _ in range(600)] for times in (1.0, 3.0)}
    alarms = {times: np.mean([each in ("moved", "broke") for each in words]) for times, words in found.items()}
    assert alarms[1.0] <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 600)
    assert alarms[3.0] > 0.8
    assert np.mean([each == "holds" for each in found[1.0]]) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 600)


def _once(kind, times, rng, n=128):
    margin = 0.1
    if kind == "share":
        old = (rng.random(n) < 0.5).astype(float)
        new = np.where(rng.random(n) < 2 * times * margin, 1.0, old)
        old, new = Proportion(old), Proportion(new)
    elif kind == "ratio":
        below = rng.normal(4, 1, n)
        noise = rng.normal(0, 0.6, (2, n))
        old = RatioOfMeans(0.3 * below + noise[0], below)
        grown = 1.5 * below + rng.normal(0, 0.3, n)
        new = RatioOfMeans((0.3 + times * margin) * grown + 0.7 * noise[0] + 0.7 * noise[1], grown)
    else:
        old = rng.normal(0, 1, n)
        new = RealMean(old + rng.normal(times * margin, 0.4, n))
        old = RealMean(old)
    found = Pair(old, new, Below(9.0), "supported", "supported", 0.05, declared=margin)
    return found.alarm(0.05) or ("holds" if found.holds() else "cannot tell")
