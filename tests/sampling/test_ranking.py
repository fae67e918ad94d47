"""Does an effect beat a share of all sets? Prompts look by look, sets in stages."""

import math

import numpy as np
import pytest
from drawing import LOOKS

from circuitcheck.sampling import Design, Ranking, RealMean, stages_of


class Sets:
    """Differences [set, prompt], which remember what was asked of them."""

    def __init__(self, differences):
        self.differences, self.asked = differences, []

    def __call__(self, sets, prompts):
        self.asked.append((sets, prompts))
        return (RealMean(row[:prompts]) for row in self.differences[:sets])


def differences(truths, seed=0):
    return np.array(truths, float)[:, None] + np.random.default_rng(seed).normal(size=(len(truths), 512))


def ranked(truths, share=0.95, *, all_sets=True, sizes=None, design=None, seed=0):
    rule = Ranking(design or Design(), share, sizes or (len(truths),), all_sets)
    sets = Sets(differences(truths, seed))
    tally, looks = rule.decide(sets)
    return tally, looks, sets, tally.verdict(rule.needed(tally.draws, rule.alpha))


def test_clear_differences_take_the_first_look():
    tally, looks, _, verdict = ranked([2.0] * 20)
    assert (verdict, tally.beaten, looks[-1][0]) == ("supported", 20, 32)


def test_small_differences_take_more_prompts_and_no_more_than_they_need():
    _, looks, sets, verdict = ranked([0.5] * 20)
    assert verdict == "supported"
    assert 32 < looks[-1][0] < 512
    assert [prompts for _, prompts in sets.asked] == list(LOOKS[: len(looks)])


@pytest.mark.parametrize("ahead, verdict", [(0, "supported"), (1, "supported"), (2, "refuted")])
def test_one_of_twenty_may_be_ahead_and_two_may_not(ahead, verdict):
    assert ranked([2.0] * (20 - ahead) + [-2.0] * ahead)[3] == verdict


def test_equal_sets_stay_undecided_to_the_end_of_the_budget():
    _, looks, _, verdict = ranked([0.0] * 20)
    assert (verdict, looks[-1][0]) == ("inconclusive", 512)


def test_sets_without_a_number_end_it_where_too_few_others_are_left():
    values = differences([2.0] * 20)
    values[:2] = math.nan
    rule = Ranking(Design(), 0.95, (20,), all_sets=True)
    tally, looks = rule.decide(Sets(values))
    assert (tally.undefined, tally.beaten, looks[-1][0]) == (2, 18, 32)
    assert tally.verdict(rule.needed(20, rule.alpha)) == "inconclusive"


def test_more_sets_are_drawn_only_where_fewer_cannot_tell():
    sizes = stages_of(200, 0.9, 0.05)
    first = ranked([2.0] * 200, 0.9, all_sets=False, sizes=sizes)[2]
    assert {sets for sets, _ in first.asked} == {sizes[0]}
    lost = [-2.0 if i % 12 == 0 else 2.0 for i in range(200)]  # 8% are ahead, where 10% are allowed
    assert {sets for sets, _ in ranked(lost, 0.9, all_sets=False, sizes=sizes)[2].asked} == set(sizes)


def test_what_is_shown_of_the_share_narrows_with_prompts():
    _, looks, _, _ = ranked([0.3] * 15 + [0.0] * 5)
    lows, highs = [low for _, low, _ in looks], [high for _, _, high in looks]
    assert lows[-1] > lows[0]
    assert all(low <= high for low, high in zip(lows, highs, strict=True))
    assert highs[0] == 1


def test_a_refutation_that_shares_its_error_needs_more():
    truths = [2.0] * 18 + [-0.5] * 2
    alone = ranked(truths)[1]
    shared = ranked(truths, design=Design(refuting=0.01))[1]
    assert shared[-1][0] > alone[-1][0]
