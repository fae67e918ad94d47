"""The words for positions: `END`, `S1+1`, `S1[:]`."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitcheck.errors import UnknownPosition
from circuitcheck.places import Position, parse_at

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
positions = st.builds(Position, names, st.integers(-9, 9)) | st.builds(Position, names, st.just(0), st.just(True))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("END", (Position("END"),)),
        ("S1+1", (Position("S1", 1),)),
        ("S1-2", (Position("S1", -2),)),
        ("S1[:]", (Position("S1", span=True),)),
        ("END, S2", (Position("END"), Position("S2"))),
        ("END,S2 S1+1", (Position("END"), Position("S2"), Position("S1", 1))),
        (["END", "S1[:]"], (Position("END"), Position("S1", span=True))),
        (("END, S2", "IO"), (Position("END"), Position("S2"), Position("IO"))),
        ("  END\n", (Position("END"),)),
    ],
)
def test_each_form_is_understood(text, expected):
    assert parse_at(text) == expected


def test_none_means_everywhere():
    assert parse_at(None) is None


@given(st.lists(positions, min_size=1, max_size=6, unique=True))
def test_what_a_position_prints_is_read_back(listed):
    assert parse_at(", ".join(map(str, listed))) == tuple(listed)


def test_a_position_named_twice_is_one_position():
    assert parse_at("END, END") == parse_at("END")


@pytest.mark.parametrize("nothing", ["", "  ", ",", [], [""]])
def test_an_empty_list_is_refused_and_says_how_to_mean_everywhere(nothing):
    with pytest.raises(UnknownPosition, match="None"):
        parse_at(nothing)


@pytest.mark.parametrize("text", ["1", "-1", "END+", "END+x", "S1[0]", "S1[:", "S1[:]+1", "S1+1.5", "END;S2", "+1", "S1:2"])
def test_rubbish_is_refused_with_the_forms_that_are_understood(text):
    with pytest.raises(UnknownPosition, match=r"not a position.*NAME\+1.*NAME\[:\]"):
        parse_at(text)


def test_a_bare_name_is_the_last_token_of_its_span():
    assert Position("S1").indices((3, 4, 5), length=9) == (5,)


def test_an_offset_counts_from_the_last_token_of_the_span():
    assert Position("S1", 1).indices((3, 4, 5), length=9) == (6,)
    assert Position("S1", -1).indices((3, 4, 5), length=9) == (4,)


def test_a_span_is_every_token():
    assert Position("S1", span=True).indices((3, 4, 5), length=9) == (3, 4, 5)


@pytest.mark.parametrize("offset, length", [(1, 6), (-6, 6), (100, 6)])
def test_a_position_outside_the_prompt_is_refused(offset, length):
    with pytest.raises(UnknownPosition, match="0 to 5"):
        Position("S1", offset).indices((5,), length)


@pytest.mark.parametrize("number, meant", [(0, "'START'"), (3, "'START+3'"), (-1, "'END'"), (-2, "'END-1'")])
def test_a_number_is_answered_with_the_words_for_it(number, meant):
    with pytest.raises(UnknownPosition, match=rf"is {re.escape(meant)}\."):
        parse_at(number)


def test_the_first_token_is_there_in_every_prompt_unless_its_task_says_otherwise():
    assert Position("START", 2).indices_in({"END": (5,)}, 6) == (2,)
    assert Position("START").indices_in({"START": (4,), "END": (5,)}, 6) == (4,)
