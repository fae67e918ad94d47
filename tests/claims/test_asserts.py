"""How the questions of a claim's test share the error of being refuted, read off its source."""

import pytest

import circuitcheck as cc
from circuitcheck.claims.asserts import Asserted, asserted_by


def one(q):
    assert q < 1


def chain_and_both(q):
    assert 0 < q < 1
    assert q < 2 and not q > 3  # noqa: PT018 - the form that is counted


def joined(q):
    assert cc.all_of(q < 1, q > 0), "both"


def asked(q):
    assert q.beats("others")
    assert helper(q)


def looped(qs):
    for q in qs:
        assert q < 1


def listed(qs):
    assert all(q < 1 for q in qs)


def starred(qs):
    assert cc.all_of(*(q < 1 for q in qs))


def helper(q):
    return q < 1


def nested(q):
    def inner():
        assert q < 1

    inner()
    assert q > 0


@pytest.mark.parametrize(
    "function, expected",
    [
        (one, Asserted(1, repeated=False)),
        (chain_and_both, Asserted(4, repeated=False)),
        (joined, Asserted(1, repeated=False)),
        (asked, Asserted(2, repeated=False)),
        (looped, Asserted(1, repeated=True)),
        (listed, Asserted(1, repeated=True)),
        (starred, Asserted(1, repeated=False)),
        (helper, Asserted(0, repeated=True)),
        (nested, Asserted(2, repeated=False)),
        (None, Asserted(1, repeated=False)),
        (len, Asserted(1, repeated=False)),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_questions_are_counted_where_the_source_tells_how_many(function, expected):
    assert asserted_by(function) == expected


def test_equal_parts_where_the_number_is_known():
    assert [Asserted(4, repeated=False).part(k) for k in range(4)] == [0.25] * 4


@pytest.mark.parametrize("asserted", [Asserted(0, repeated=True), Asserted(3, repeated=True)])
def test_parts_of_any_number_of_questions_never_exceed_the_whole(asserted):
    parts = [asserted.part(k) for k in range(10_000)]
    assert parts == sorted(parts, reverse=True)
    assert 0.999 < sum(parts) < 1
