"""The keyed permutation behind prompt indices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitcheck.prompts.permutation import permute


@given(n=st.integers(1, 700), key=st.text(max_size=20))
def test_it_is_a_bijection_of_range_n(n, key):
    assert sorted(permute(index, n, key) for index in range(n)) == list(range(n))


@given(
    st.integers(1, 10**30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n - 1), max_size=9, unique=True)))
)
def test_large_ranges_stay_in_range_and_never_collide(case):
    n, indices = case
    images = [permute(index, n, "key") for index in indices]
    assert all(0 <= image < n for image in images)
    assert len(set(images)) == len(images)


@given(st.text(max_size=8), st.text(max_size=8))
def test_another_key_is_another_permutation(one, other):
    images = [[permute(index, 10**6, key) for index in range(8)] for key in (one, other)]
    assert (images[0] == images[1]) == (one == other)


@pytest.mark.parametrize("index, n", [(-1, 5), (5, 5), (0, 0)])
def test_an_index_outside_the_range_is_refused(index, n):
    with pytest.raises(ValueError, match=r"outside range"):
        permute(index, n, "key")
