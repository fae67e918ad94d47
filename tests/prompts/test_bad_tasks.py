"""Task definitions that do not fit together are refused when they are made, each with its own words."""

import pytest

from circuitcheck.errors import BadTask
from circuitcheck.prompts import Derived, Pool, Template

NAMES = Pool("name", ("Mary", "John", "Tom", "James"))


def one(text):
    return {"templates": (Template("t", text),)}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"templates": ()}, "no templates"),
        (
            {"templates": (Template("t", "Then {A} met {B}"), Template("t", "Now {A} met {B}"))},
            "templates that share a name: t",
        ),
        ({"pools": (NAMES, NAMES)}, "pools that share a name: name"),
        (
            {"variables": (("a", "name"), ("b", "name"), ("other", "name"), ("a", "name"))},
            "variables that share a name: a",
        ),
        ({"pools": (Pool("name", ("Mary", "John", "Mary", "Tom")),)}, "'name' holds Mary more than once"),
        ({"variables": (("a", "name"), ("b", "nmae"), ("other", "name"))}, "'b' draws from 'nmae'"),
        ({"slots": (("A", "a"), ("B", "c"))}, "slot 'B' holds 'c'"),
        ({"answer": "c"}, "answer is 'c'"),
        ({"distractor": "c"}, "distractor is 'c'"),
        ({"distractor": "a"}, "'a' as answer and as distractor"),
        (one("Then {A} met {C} and"), "slot 'C'"),
        (one("Then {} met {B} and"), "slot ''"),
        (one("Then {A} met {A} and"), "A twice"),
        (one("Then {A}{B} and"), "{A} and {B} touch"),
        (one("Then {A-1} met {B} and"), "slot 'A-1'"),
        (one("Then {A} met {B} and "), "ends in white space"),
        ({"counterfactuals": (("abc", (("C", "other"),)),)}, "'abc' changes 'C'"),
        ({"counterfactuals": (("abc", (("A", "nobody"),)),)}, "'nobody'"),
        (
            {"counterfactuals": (("abc", (("A", "other"),)), ("abc", (("B", "other"),)))},
            "counterfactuals that share a name: abc",
        ),
        ({"counterfactuals": (("clean", (("A", "other"),)),)}, "cannot be called 'clean'"),
    ],
    ids=lambda part: part.replace(" ", "-") if isinstance(part, str) else "",
)
def test_a_bad_definition_is_refused_in_its_own_words(vary, changes, message):
    with pytest.raises(BadTask, match=message):
        vary(**changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        pytest.param(one("Then {A met {B} and"), "'t'", id="open-brace"),
        pytest.param(one("Then {A} met {B}} and"), "'t'", id="closing-brace"),
        pytest.param(one("Then {A!r} met {B:>9} and"), "'t'", id="format-spec"),
        pytest.param(one(""), "'t'", id="empty-template"),
        pytest.param({"slots": (("A", "a"), ("B", "b"), ("A", "b"))}, "slots.*A", id="slot-declared-twice"),
        pytest.param(
            {"slots": (("A", "a"), ("B", "b"), ("END", "b")), **one("Then {A} met {B} with {END} and")},
            "END",
            id="slot-called-END",
        ),
        pytest.param(
            {"templates": (Template("one", "Then {A} met {B}"), Template("two", "Then {A} met {B}"))},
            "one.*two",
            id="two-templates-of-one-text",
        ),
    ],
)
def test_a_definition_that_would_mislead_later_is_refused_when_it_is_made(vary, changes, message):
    with pytest.raises(BadTask, match=message):
        vary(**changes)


def test_a_template_that_shows_two_items_alike_is_refused(vary):
    with pytest.raises(BadTask, match=r"'Mary' and 'Tom'.*look the same.*would repeat"):
        vary(
            templates=(Template("t", "Then {initial} met {B} and"),),
            slots=(("B", "b"),),
            answer="a",
            derived=(Derived("initial", "a", (("Mary", "M"), ("Tom", "M"), ("John", "J"), ("James", "j"))),),
            counterfactuals=(),
        )


def test_a_good_definition_is_hashable_and_pure_data(toy_task, vary):
    assert hash(toy_task) == hash(vary())
    assert toy_task == vary()
    assert toy_task.positions == ("A", "B", "END")
