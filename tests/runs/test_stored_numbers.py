"""A baseline as a claim uses it: names, and numbers that cannot be taken.

How it could be fooled: one of two models taken for the other; the number of another comparison; a claim that holds no
number, such as forall."""

import json

import numpy as np
import pytest
from made_runs import Search, claim, question, report

import circuitcheck as cc
from circuitcheck.errors import BadRecord, NotComparable

RNG = np.random.default_rng(3)
VALUES = RNG.normal(0, 1, 64)


@pytest.fixture
def then(tmp_path):
    path = tmp_path / "base.json"
    made = report(
        claim("one", question(VALUES)),
        claim("two", question(VALUES, name="first"), question(VALUES + 1, "<", 2.0, name="second")),
        claim("both", question(VALUES), model="m@1"),
        claim("both", question(VALUES, model="m@2"), model="m@2"),
        claim("every", question(VALUES, "<", 9.0, rule=Search(0.1, 0.95, None, 64, False, "templates"))),
    )
    path.write_text(json.dumps(made))
    return cc.baseline(path)


def test_a_number_is_known_by_its_claim_its_model_and_its_place(then):
    assert list(then) == ["one[m@1]", "two[m@1]", "both[m@1]", "both[m@2]", "every[m@1]"]
    assert then["one"].name == "one[m@1] of base.json"
    assert then["both[m@2]"].rests.cells[0].model == "m@2"
    assert then["two", 2].expression == "second < 2"
    assert np.array_equal(then["two", 2].rests.values[0, :32], VALUES[:32] + 1)
    assert then["one"].prompts == 32


@pytest.mark.parametrize(
    "key, said",
    [
        ("on", r"has no claim 'on'. Did you mean 'one'\?"),
        ("both", "of 2 models; say of which: both.m@1., both.m@2."),
        ("two", "makes 2 comparisons; expected one, or its number"),
        (("two", 3), "none is number 3"),
        (("two", "x"), "none is number 'x'"),
        ("every", "is no number that another could be taken from"),
        (7, "has no claim 7"),
    ],
)
def test_what_is_not_there_is_told(then, key, said):
    with pytest.raises(BadRecord, match=said):
        then[key]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadRecord, match="there is no baseline"):
        cc.baseline(tmp_path / "nowhere.json")


@pytest.mark.parametrize("use", [lambda x: x + 1, lambda x: 1 - x, lambda x: x < 1, bool, float, lambda x: -x])
def test_a_stored_number_is_only_taken_from_a_quantity(then, use):
    with pytest.raises(NotComparable, match="quantity - then"):
        use(then["one"])
