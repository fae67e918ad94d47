"""Head sets like a claimed one: as many heads of each layer, each set once, the claimed one left out."""

import sys
from collections import Counter
from itertools import combinations, product
from math import comb, prod

import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitcheck.errors import UnknownUnit
from circuitcheck.places import Architecture, MatchedParts, Part

quick = settings(deadline=None, max_examples=examples(60), derandomize=True)


def Head(layer, head):  # noqa: N802 - as the parts are called in claims
    return Part(layer, "head", head)


def MatchedHeads(heads, n_heads):  # noqa: N802
    return MatchedParts(heads, Architecture(99, n_heads, n_heads, 64))


def layers_of(heads):
    return Counter(head.layer for head in heads)


def every_set_like(claimed, n_heads):
    """By brute force: all choices of as many heads in each layer, without the claimed one."""
    chosen = [
        [tuple(Head(layer, head) for head in heads) for heads in combinations(range(n_heads), count)]
        for layer, count in sorted(layers_of(claimed).items())
    ]
    sets = {tuple(sorted(sum(parts, ()))) for parts in product(*chosen)}
    return sets - {tuple(sorted(claimed))}


@st.composite
def claims(draw, most_sets=3000):
    """(claimed heads, heads in a layer): a set in layers that are not all taken whole."""
    n_heads = draw(st.integers(2, 7))
    names = st.tuples(st.sampled_from([0, 1, 4, 11]), st.integers(0, n_heads - 1))
    heads = tuple(sorted(Head(*name) for name in draw(st.sets(names, min_size=1, max_size=6))))
    sets = prod(comb(n_heads, count) for count in layers_of(heads).values())
    return (heads, n_heads) if 1 < sets <= most_sets else ((Head(2, 0),), n_heads)


@quick
@given(claims())
def test_every_other_set_with_as_many_heads_of_each_layer_is_there_once(claim):
    matched = MatchedHeads(*claim)
    found = [matched[i] for i in range(len(matched))]
    assert set(found) == every_set_like(*claim)
    assert len(found) == len(set(found)) == len(every_set_like(*claim))


@quick
@given(claims())
def test_each_set_is_sorted_and_names_each_head_once(claim):
    matched = MatchedHeads(*claim)
    for i in range(0, len(matched), 1 + len(matched) // 50):
        assert list(matched[i]) == sorted(set(matched[i]))


@quick
@given(claims())
def test_numbering_is_the_same_each_time(claim):
    one, other = MatchedHeads(*claim), MatchedHeads(*claim)
    assert [one[i] for i in range(len(one))] == [other[i] for i in range(len(other))]


@pytest.mark.parametrize(
    "claimed, n_heads, others",
    [
        ("L0H0", 2, 1),
        ("L0H3", 12, 11),
        ("L0H0 L1H0", 12, 12 * 12 - 1),
        ("L9H6 L9H9", 12, 66 - 1),
        ("L9H6 L9H9 L10H0", 12, 66 * 12 - 1),
        ("L0H1 L0H2 L0H3 L1H1 L1H2 L1H3", 8, 56 * 56 - 1),
        ("L0H0 L0H1 L1H0", 2, 2 - 1),
    ],
)
def test_there_are_as_many_as_binomial_coefficients_say_but_one(claimed, n_heads, others):
    heads = tuple(Head(*map(int, name.removeprefix("L").split("H"))) for name in claimed.split())
    assert len(MatchedHeads(heads, n_heads)) == others


def test_a_large_number_of_sets_is_counted_and_reached_without_listing_them():
    heads = tuple(Head(layer, head) for layer in range(5) for head in range(3))
    matched = MatchedHeads(heads, 24)
    assert len(matched) == comb(24, 3) ** 5 - 1 == 33_966_636_285_722_624 - 1
    check_few(matched, heads, (0, 10**15, len(matched) - 1))


def test_the_circuit_for_ioi_in_gpt2_has_more_sets_like_it_than_an_index_holds():
    """Wang et al. (2022): 26 heads of GPT-2 small, and 1.3e20 sets like them; a list in memory ends at 9.2e18."""
    in_layers = {0: 2, 2: 1, 3: 1, 4: 1, 5: 3, 6: 1, 7: 2, 8: 2, 9: 4, 10: 6, 11: 3}
    heads = tuple(Head(layer, head) for layer, count in in_layers.items() for head in range(count))
    sets = prod(comb(12, count) for count in in_layers.values())
    assert sets > sys.maxsize
    check_few(MatchedHeads(heads, 12), heads, (0, 10**15, sets - 2))


def check_few(matched, heads, numbers):
    found = [matched[i] for i in numbers]
    assert len(set(found)) == len(numbers)
    for each in found:
        assert layers_of(each) == layers_of(heads)
        assert each != heads


def test_the_claimed_set_is_nowhere_even_beside_its_own_number():
    claimed = (Head(0, 1), Head(0, 3), Head(2, 2))
    matched = MatchedHeads(claimed, 5)
    assert claimed not in [matched[i] for i in range(len(matched))]


def test_sets_may_share_heads_with_the_claimed_one():
    matched = MatchedHeads((Head(0, 0), Head(1, 0)), 3)
    shared = Counter(len({Head(0, 0), Head(1, 0)} & set(matched[i])) for i in range(len(matched)))
    assert shared == {1: 4, 0: 4}


@pytest.mark.parametrize("beyond", [0, 1, 10])
def test_there_is_nothing_beyond_the_last(beyond):
    matched = MatchedHeads((Head(0, 1),), 4)
    with pytest.raises(IndexError):
        matched[len(matched) + beyond]


@pytest.mark.parametrize("claimed, n_heads", [("L0H0", 1), ("L0H0 L0H1", 2), ("L0H0 L0H1 L3H0 L3H1", 2)])
def test_whole_layers_have_no_others_like_them(claimed, n_heads):
    heads = tuple(Head(*map(int, name.removeprefix("L").split("H"))) for name in claimed.split())
    with pytest.raises(UnknownUnit):
        MatchedHeads(heads, n_heads)


def test_key_value_heads_and_neurons_are_drawn_among_their_own():
    small = Architecture(2, n_heads=8, n_key_value_heads=2, n_ctx=64, d_mlp=3)
    claimed = (Part(0, "key/value head", 1), Part(0, "neuron", 1))
    matched = MatchedParts(claimed, small)
    found = {tuple(part.number for part in matched[i]) for i in range(len(matched))}
    assert found == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)}
    assert all([part.index for part in matched[i]] == ["key/value head", "neuron"] for i in range(len(matched)))
