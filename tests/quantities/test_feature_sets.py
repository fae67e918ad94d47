"""Features of a dictionary by number, and sets of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_dictionaries import tiny_sae

import circuitcheck as cc

WIDTH = 32
KEPT = {}  # hypothesis takes no fixtures that last for one test


@pytest.fixture(scope="module", autouse=True)
def dictionary(shared_session):
    with cc.use_session(shared_session):
        KEPT["q"] = cc.sae(tiny_sae(8), at="L1H2.q")
    return KEPT["q"]


@pytest.fixture
def other(dictionary):
    return cc.sae(tiny_sae(8, seed=1), at="L1H2.q")


NAMED = {
    "one": (lambda q: q[3], (3,)),
    "several": (lambda q: q[7, 3], (3, 7)),
    "list": (lambda q: q[[30, 2, 4]], (2, 4, 30)),
    "range": (lambda q: q[range(5, 8)], (5, 6, 7)),
    "generator": (lambda q: q[(2 * each for each in range(3))], (0, 2, 4)),
    "slice": (lambda q: q[2:9:3], (2, 5, 8)),
    "end": (lambda q: q[-3:], (29, 30, 31)),
    "all": (lambda q: q[:], tuple(range(WIDTH))),
    "features": (lambda q: q.features, tuple(range(WIDTH))),
    "numpy": (lambda q: q[np.int64(4)], (4,)),
    "array": (lambda q: q[np.array([9, 1], dtype=np.uint8)], (1, 9)),
}


@pytest.mark.parametrize("name, expected", NAMED.values(), ids=NAMED)
def test_features_are_named_by_number(dictionary, name, expected):
    found = name(dictionary)
    assert found.numbers == expected
    assert {type(number) for number in found.numbers} == {int}  # plans are plain data
    assert len(found) == len(expected)


REFUSED = {
    "out of range": (32, "no feature 32"),
    "negative": (-1, "no feature -1"),
    "one of several": ([0, 99, 1], "no feature 99"),
    "bool": (True, "no feature True"),
    "share": (1.5, "no feature 1.5"),
    "text": ("7", "no feature '7'"),
    "texts": (["7"], "no feature '7'"),
    "missing": (None, "no feature None"),
}


@pytest.mark.parametrize("numbers, words", REFUSED.values(), ids=REFUSED)
def test_what_is_no_feature_is_refused_with_its_number_and_the_width(dictionary, numbers, words):
    with pytest.raises(cc.BadIntervention, match=f"{words}.*32 features, 0 to 31"):
        dictionary[numbers]


@pytest.mark.parametrize("nothing", [[], (), slice(40, 50), np.array([], dtype=int)], ids=repr)
def test_no_feature_at_all_is_refused(dictionary, nothing):
    with pytest.raises(cc.BadIntervention, match="no feature of .* is named"):
        dictionary[nothing]


def test_a_feature_is_named_once(dictionary):
    with pytest.raises(cc.BadIntervention, match="feature 4 .*more than once"):
        dictionary[4, 1, np.int64(4)]


def test_a_dictionary_has_a_length_and_is_not_iterated(dictionary):
    assert len(dictionary) == dictionary.width == WIDTH
    with pytest.raises(TypeError, match="32 features"):
        list(dictionary)


def test_a_set_is_iterated_feature_by_feature(dictionary):
    assert [(each, len(each)) for each in dictionary[7, 3]] == [(dictionary[3], 1), (dictionary[7], 1)]
    assert dictionary[7, 3] in {dictionary[3, 7]}


def test_a_set_shows_its_dictionary_and_runs_of_numbers(dictionary):
    assert repr(dictionary[9, 1, 2, 3, 4]).endswith("[1-4, 9]")
    assert repr(dictionary[3, 4]).endswith("[3, 4]")
    assert dictionary[3].dictionary == dictionary


def test_a_set_of_nothing_is_refused_in_words_that_say_what_was_computed(dictionary):
    for made, words in (
        (lambda: dictionary[3] & dictionary[4], r"\[3\] & .*\[4\]"),
        (lambda: dictionary[3] - dictionary[3, 4], r"\[3\] - .*\[3, 4\]"),
        (lambda: ~dictionary[:], r"~.*\[0-31\]"),
    ):
        with pytest.raises(cc.BadIntervention, match=f"no feature is in .*{words}"):
            made()


@pytest.mark.parametrize("sign", ["|", "&", "-"])
def test_features_of_two_dictionaries_are_no_set(dictionary, other, sign):
    elsewhere, random = cc.sae(tiny_sae(8), at="L1H3.q"), dictionary.with_random_decoder()
    for each in (other, elsewhere, random):
        with pytest.raises(cc.BadIntervention, match="two dictionaries"):
            eval(f"one {sign} two", {"one": dictionary[3], "two": each[3]})


def test_a_set_and_a_number_are_no_set(dictionary):
    with pytest.raises(TypeError):
        dictionary[3] | 4


sets = st.sets(st.integers(0, WIDTH - 1), min_size=1, max_size=WIDTH - 1)


@given(sets, sets)
def test_sets_obey_the_laws_of_sets(one, two):
    q = KEPT["q"]
    a, b = q[one], q[two]
    assert set((a | b).numbers) == one | two
    assert ~~a == a
    assert hash(~~a) == hash(a)
    if one & two:
        assert set((a & b).numbers) == one & two
        assert ~(a & b) == ~a | ~b
    if one - two:
        assert set((a - b).numbers) == one - two
        assert a - b == a & ~b
    if len(one | two) < WIDTH:
        assert ~(a | b) == ~a & ~b == ~a - b
