"""Numbers that are fetched together are those that were asked for, and what is wrong with them is said."""

import numpy as np
import pytest
import torch
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.engine.torch.transfer.fetching import Fetching

shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
dtypes = st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.bool, torch.int64, torch.uint8])


@settings(max_examples=examples(60), deadline=None)
@given(asked=st.lists(st.tuples(shapes, dtypes, st.integers(0, 9)), max_size=6))
def test_each_asker_gets_its_own_numbers_in_order(asked):
    tensors = [(torch.arange(int(np.prod(shape))).reshape(shape) * 7 + start).to(dtype) for shape, dtype, start in asked]
    got = []
    with Fetching() as fetching:
        for tensor in tensors:
            fetching.ask(tensor, got.append)
        assert not got
    assert len(got) == len(tensors)
    for found, tensor in zip(got, tensors, strict=True):
        np.testing.assert_array_equal(found, tensor.double().numpy())


def ended(*asked, error=None):
    """Of numbers that must be 0, and what is raised where they are not; the body may fail."""
    with Fetching() as fetching:
        for wrong, made in asked:
            fetching.refuse(torch.tensor(wrong), lambda made=made: made)
        if error is not None:
            raise error


def test_the_first_that_is_wrong_is_raised():
    with pytest.raises(LookupError, match="second"):
        ended((0.0, ValueError("first")), (True, LookupError("second")), (1, ValueError("third")))


def test_what_made_the_body_fail_is_raised_in_its_place():
    with pytest.raises(LookupError, match="a write went astray") as raised:
        ended((1.0, LookupError("a write went astray")), error=ValueError("numbers that are none"))
    assert isinstance(raised.value.__context__, ValueError)


def test_a_failure_of_its_own_stays():
    with pytest.raises(ValueError, match="out of words"):
        ended((0.0, LookupError("nothing is wrong")), error=ValueError("out of words"))


def test_an_interrupt_does_not_wait():
    with pytest.raises(KeyboardInterrupt):
        ended((1.0, LookupError("a write went astray")), error=KeyboardInterrupt())
