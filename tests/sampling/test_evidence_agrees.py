"""A claim is decided at confidence c exactly where its p is at most 1 - c, whatever the estimand."""

import math

import pytest
from every_estimand import ESTIMANDS, ONE, TWO, columns_of, decided, near_the_middle, quick_for, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.sampling import Above, Below, Design, Outside, Within, evidence


def shown_at(estimand, region, design, look):
    """+1 if the region is shown to hold the number at this look, -1 if not to hold it, 0 if neither."""
    level = design.level(look)
    if estimand.problem(level):
        return 0
    return region.shown_inside(lambda edge: estimand.side(edge, level)) - region.shown_outside(
        lambda edge: estimand.side(edge, level)
    )


REGIONS = {"below": Below, "above": Above, "within": lambda x: Within(x, 0.4), "outside": lambda x: Outside(x, 0.4)}


@pytest.mark.parametrize("name", ESTIMANDS)
def test_a_claim_is_decided_at_a_confidence_where_its_p_is_at_most_one_minus_it(name):
    @quick_for(name)
    @given(
        seeds,
        st.floats(-0.6, 0.6),
        st.sampled_from(sorted(REGIONS)),
        st.lists(st.floats(0.55, 0.9999), min_size=3, max_size=6),
    )
    def check(seed, shift, region, levels):
        columns = columns_of(seed, 32)
        estimand = ESTIMANDS[name](columns)
        where = REGIONS[region](estimand.value + shift)
        p = {side: evidence(estimand, where, ONE, 0, supports=side > 0).p for side in (1, -1)}
        assert 1 in p.values()
        for confidence in (*levels, 0.95):
            verdict = shown_at(estimand, where, Design(confidence, maximum=32), 0)
            for side in (1, -1):
                if not math.isclose(p[side], 1 - confidence, rel_tol=1e-5):
                    assert (p[side] <= 1 - confidence) == (verdict == side)

    check()


@pytest.mark.parametrize("name", ["real", "share", "clustered share"])
def test_that_holds_at_the_look_at_which_several_looks_ended(name):
    @settings(quick_for(name), max_examples=3)
    @given(seeds, st.sampled_from([-0.8, -0.4, 0.3, 0.6]))
    def check(seed, shift):
        columns = columns_of(seed)
        region = Below(near_the_middle(columns, name, shift))
        decision = decided(columns, name, region)
        look, estimand = len(decision.looks) - 1, ESTIMANDS[name](columns[:, : decision.n])
        for supports, word in ((True, "supported"), (False, "refuted")):
            p = evidence(estimand, region, TWO, look, supports=supports).p
            assert (p <= 0.05) == (decision.verdict == word)

    check()
