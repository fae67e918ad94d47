"""The end of an interval: the last number that is not excluded, found with few questions."""

import math

import pytest
from how_many import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuitcheck.sampling.last_inside import last_inside

sizes = st.floats(1e-6, 1e6)
both_ways = st.sampled_from([-1.0, 1.0])
ends = st.floats(-1e6, 1e6)
quick = settings(deadline=None, max_examples=examples(100), derandomize=True)


@pytest.mark.parametrize("continuous", [True, False])
@quick
@given(ends, sizes, sizes, both_ways, st.integers(1, 3))
@example(0.0, 1.0, 0.5, 1.0, 3)  # an end at 0, where numbers lie closest, of a flat function
def test_it_is_not_beyond_and_the_next_one_is(continuous, end, distance, step, side, power):
    start = end - side * distance
    beyond = lambda r: math.copysign(abs(r - end) ** power, side * (r - end)) if r != end else 0.0  # noqa: E731
    found = last_inside(beyond, start, side * step, continuous=continuous)
    further = side * 4 * math.ulp(max(abs(end), distance, step))
    assert beyond(found) <= 0
    assert beyond(found + further) > 0


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_where_nothing_is_excluded_there_is_no_end(continuous, side):
    assert last_inside(lambda _: -1.0, 0.5, side, continuous=continuous) == side * math.inf


def test_a_continuous_one_takes_a_third_of_the_questions():
    asked = {True: 0, False: 0}
    for continuous in asked:

        def beyond(r: float, continuous: bool = continuous) -> float:
            asked[continuous] += 1
            return r**3 + r - 5

        last_inside(beyond, 0.0, 1.0, continuous=continuous)
    assert 0 < asked[True] <= asked[False] / 3
