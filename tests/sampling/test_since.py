"""A number now less what it was, paired by prompt.

How it could be fooled: two independent intervals instead of one of differences; the noise of one run alone; numbers that did
not change at all, which have no spread; whole numbers that stay the same by chance; other prompts of one run."""

import numpy as np
import pytest

from circuitcheck.errors import BelowNoise, NotComparable
from circuitcheck.sampling import Basis, Combination, Design, Form, Kind, Noise, Then, decide_change, region_of
from circuitcheck.sampling.since import changes_by_prompt

RNG = np.random.default_rng(7)
OLD = RNG.normal(3, 2, (1, 128))
MEAN = Form((Kind(),), Combination(((1.0, 0),)))
SHARE = Form((Kind((0.0, 1.0), binary=True),), Combination(((1.0, 0),)))
RATIO = Form((Kind(), Kind()), Combination(((1.0, 0),)), Combination(((1.0, 1),)))


def decided(new, old=OLD, form=MEAN, noise=0.0, same_weights=False, relation="==", threshold=0.0, margin=0.1):
    floors = (Noise(noise, noise),) * len(new)
    then = Then(Basis(form, floors), old, same_weights)
    n = new.shape[1]
    design = Design(first=n, maximum=n)
    draw = lambda rows: new[:, rows.start : rows.stop]  # noqa: E731
    return decide_change(draw, Basis(form, floors), then, region_of(relation, threshold, margin), design)


def test_it_is_paired_by_prompt():
    shift = RNG.normal(0.05, 0.1, OLD.shape)
    found = decided(OLD + shift, relation=">", margin=None)
    assert found.verdict == "supported"
    assert found.estimate == pytest.approx(shift.mean())
    assert found.high - found.low < 0.05  # two independent intervals would be 1.4 wide
    mixed = decided(OLD[:, ::-1] + shift, relation=">", margin=None)
    assert mixed.verdict == "inconclusive"


def test_the_noise_of_both_runs_counts():
    new = OLD + RNG.normal(0, 0.1, OLD.shape)
    width = decided(new).high - decided(new).low
    found = decided(new, noise=0.02)
    assert (found.high - found.low) == pytest.approx(width + 4 * 0.02)
    with pytest.raises(BelowNoise):
        decided(OLD + 1.0, noise=0.06)


def test_what_did_not_change_needs_no_statistics():
    found = decided(OLD)
    assert (found.verdict, found.estimate, found.low, found.high) == ("supported", 0.0, 0.0, 0.0)
    assert decided(OLD, relation=">", threshold=0.0, margin=None).verdict != "supported"
    assert "nothing is left to chance" in found.words
    assert decided(OLD + RNG.uniform(-0.01, 0.01, OLD.shape), noise=0.01).verdict == "supported"
    assert "nothing is left to chance" not in decided(OLD + RNG.normal(0, 0.1, OLD.shape)).words


def test_shares_that_stay_the_same_are_unchanged_only_on_the_same_weights():
    old = (RNG.random((1, 64)) < 0.5).astype(float)
    assert decided(old, old, SHARE, same_weights=True, margin=0.02).verdict == "supported"
    assert decided(old, old, SHARE, margin=0.02).verdict == "inconclusive"


def test_a_ratio_changes_by_its_influence_values():
    old = np.stack([RNG.normal(2, 0.5, 128), RNG.normal(4, 0.5, 128)])
    bold = 3 * old
    assert decided(bold, old, RATIO).verdict == "supported"
    lower = old * np.array([[0.5], [1.0]])
    found = decided(lower, old, RATIO)
    assert found.verdict == "refuted"
    assert found.estimate == pytest.approx(-old[0].mean() / old[1].mean() / 2)
    then = Then(Basis(RATIO, (Noise(), Noise())), old, same_weights=False)
    assert changes_by_prompt(Basis(RATIO, (Noise(), Noise())), lower, then).mean() == pytest.approx(found.estimate)


def test_a_number_then_that_is_none_decides_nothing():
    old = OLD.copy()
    old[0, 5] = np.nan
    found = decided(OLD + 1, old)
    assert found.verdict == "inconclusive"
    assert "prompt 5" in found.reason


def test_another_kind_of_number_is_told():
    then = Then(Basis(RATIO, (Noise(), Noise())), np.concatenate([OLD, OLD + 9]), same_weights=False)
    design = Design(first=128, maximum=128)
    with pytest.raises(NotComparable):
        decide_change(lambda rows: OLD, Basis(MEAN, (Noise(),)), then, region_of("<", 1.0, None), design)


def test_where_nothing_changed_it_is_seldom_said_that_something_did():
    """At most 2.5% on each side of a one-sided claim, and both are counted: 400 runs give 21 +- 4.5."""
    wrong = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        old = rng.normal(0, 1, (1, 48))
        new = old + rng.normal(0, 0.3, old.shape)
        wrong += decided(new, old, relation="<", margin=None).verdict != "inconclusive"
    assert wrong <= 35
