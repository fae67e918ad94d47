"""Where two values differ, against a look at each number by Python."""

import itertools
import math

import numpy as np
import pytest
import torch
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.engine.torch.proof.differences import anywhere, bits_differ, differ, first_and_count

NUMBERS = (0.0, -0.0, 1.0, 1.5, math.nan, math.inf, -math.inf)
shapes = st.lists(st.integers(1, 3), min_size=2, max_size=4).map(tuple)
dtypes = st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16])


@st.composite
def values(draw):
    """Two of one shape and dtype; the second as the first is, but for a few numbers; neither need lie in one piece."""
    shape, dtype = draw(shapes), draw(dtypes)
    size = math.prod(shape)
    one = draw(st.lists(st.sampled_from(NUMBERS), min_size=size, max_size=size))
    other = list(one)
    for index in draw(st.sets(st.integers(0, size - 1), max_size=3)):
        other[index] = draw(st.sampled_from(NUMBERS))
    made = [torch.tensor(numbers, dtype=dtype).reshape(shape) for numbers in (one, other)]
    return [each.transpose(0, 1) for each in made] if draw(st.booleans()) else made


def equal(one, other):
    return one == other or (math.isnan(one) and math.isnan(other))


@settings(max_examples=examples(100), deadline=None)
@given(values())
def test_each_number_is_told_as_python_tells_it(pair):
    one, other = pair
    places = list(itertools.product(*map(range, one.shape)))
    expected = [place for place in places if not equal(float(one[place]), float(other[place]))]
    differs = differ(one, other)
    assert [place for place in places if differs[place]] == expected
    assert anywhere(differs).tolist() == [len(expected) > 0]
    first, count = first_and_count(differs).tolist()
    assert count == len(expected)
    if expected:
        assert np.unravel_index(first, tuple(one.shape)) == expected[0]


@pytest.mark.parametrize("one, other, same", [(0.0, -0.0, True), (1.0, 2.0, False), (math.nan, 1.0, False)])
def test_bits_tell_what_numbers_do_not(one, other, same):
    first, second = torch.tensor([one]), torch.tensor([other])
    assert bits_differ(first, second).all()
    assert not bits_differ(first, first).any()
    assert not differ(first, first).any()
    assert differ(first, second).all() != same


def test_a_nan_is_a_nan_whatever_its_bits():
    one = torch.tensor([math.nan])
    assert bits_differ(one, -one).all()
    assert not differ(one, -one).any()


def test_nowhere_nothing_differs():
    """As at the tokens of a prompt of which all are left out."""
    assert not anywhere(differ(torch.ones(0, 4), torch.ones(0, 4))).any()
