"""Where an interval is drawn: as on paper, the threshold in the middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import comparison

from circuitcheck.report.page.strips import WIDTH, scale_of, strip_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def strip(denied=False, **given_):
    found = comparison(**{"looks": [], **given_})
    scale = scale_of(found)
    return None if scale is None else strip_of(scale, found, *found["ci"], found["estimate"], denied)


def test_above_its_threshold_it_lies_on_the_right_of_the_middle_in_the_claimed_region():
    found = strip()
    assert found.target == WIDTH / 2
    assert found.regions == ((WIDTH / 2, WIDTH / 2),)
    assert WIDTH / 2 < found.low < found.estimate < found.high < WIDTH
    assert (found.cut_low, found.cut_high) == (False, False)


def test_a_place_is_in_proportion():
    found = strip(ci=[0.25, 0.75], estimate=0.5, threshold=0.5)
    assert found.high - found.target == found.target - found.low
    assert found.estimate == found.target


@pytest.mark.parametrize(
    "relation, denied, sides",
    [("<", False, "left"), ("<=", False, "left"), (">", True, "left"), (">", False, "right"), (">=", False, "right")],
)
def test_the_claimed_side_is_shaded(relation, denied, sides):
    ((start, wide),) = strip(relation=relation, denied=denied).regions
    assert (start, wide) == ((0, WIDTH / 2) if sides == "left" else (WIDTH / 2, WIDTH / 2))


def test_equivalence_is_a_band_and_its_opposite_what_is_left():
    ((start, wide),) = strip(relation="==", margin=0.5, threshold=1.0).regions
    assert start + wide / 2 == WIDTH / 2
    left, right = strip(relation="!=", margin=0.5, threshold=1.0).regions
    assert left == (0, start)
    assert right == (start + wide, WIDTH - start - wide)


def test_what_lies_far_out_is_cut_off_with_an_arrow():
    found = strip(threshold=0.75, estimate=0.539, ci=[-47.578, 0.706], relation="<")
    assert found.cut_low
    assert found.low == 0
    assert not found.cut_high
    assert found.high < found.target


def test_an_interval_without_an_end_goes_on():
    found = strip(ci=[None, None])
    assert (found.low, found.high, found.cut_low, found.cut_high) == (0, WIDTH, True, True)


def test_for_all_the_scale_is_a_rate_from_0_and_nothing_is_shaded():
    found = strip(relation="all >", threshold=3.0, estimate=0.032, ci=[0.001, 0.116])
    assert found.regions == ()
    assert 0 < found.target < found.low < found.estimate < found.high < WIDTH


def test_without_a_number_nothing_is_drawn():
    assert strip(estimate=None, ci=[None, None]) is None
    assert strip(threshold=None) is None


@given(FINITE, FINITE, FINITE, FINITE, st.sampled_from(["<", ">", "==", "!=", "all <"]), st.booleans())
def test_whatever_the_numbers_all_places_are_on_the_strip(threshold, estimate, one, other, relation, denied):
    low, high = sorted((one, other))
    found = strip(
        denied,
        threshold=threshold,
        estimate=estimate,
        ci=[low, high],
        relation=relation,
        margin=abs(one),
        looks=[[1, low, high]],
    )
    if found is not None:
        assert 0 <= found.low <= found.high <= WIDTH
        assert 0 <= found.estimate <= WIDTH
        assert all(start >= 0 and wide >= 0 and start + wide <= WIDTH for start, wide in found.regions)
