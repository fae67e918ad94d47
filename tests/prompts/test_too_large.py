"""Tasks that would take minutes or the memory to check, to tokenize or to draw from: refused, with what to make smaller."""

import itertools
import subprocess
import sys

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadTask
from circuitcheck.prompts.realised import combinations, numbering, spelling, survivors
from circuitcheck.prompts.realised.task import realise

NAMES = ["Mary", "John", "Tom", "James"]


def define(**changes):
    sound = {
        "templates": {"met": "{A} met {B}. {C} saw"},
        "pools": {"n": NAMES},
        "draw": {"A": "n", "B": "n"},
        "slots": {"C": "B"},
        "answer": "A",
        "distractor": "B",
        "tokens": None,
        "answer_tokens": None,
    }
    return cc.Task.define("t", **{**sound, **changes})


def numbered(count, before="w"):
    return [f"{before}{number}" for number in range(count)]


ENDLESS = {
    "templates in a mapping": (
        lambda: {"templates": {name: f"{{A}} met {{B}} at {name}. {{C}} saw" for name in numbered(2001)}},
        r"task 't' has more than 2,000 templates.*cc\.Task\.from_records",
    ),
    "templates without end": (
        lambda: {"templates": (cc.Template(str(number), "{A} met {B}. {C} saw") for number in itertools.count())},
        "task 't' has more than 2,000 templates",
    ),
    "constraints without end": (
        lambda: {"constraints": (cc.different("A", "B") for _ in itertools.count())},
        "a task has more than 1,000 constraints",
    ),
    "words of two pools": (
        lambda: {"pools": {"n": numbered(60_000), "m": numbered(60_000)}, "draw": {"A": "n", "B": "m"}},
        "pool 'm' has more than 40,000 words, after 60,000 of other pools.*All pools hold 100,000 at most",
    ),
    "variables": (
        lambda: {"derive": {name: ("A", dict(zip(NAMES, NAMES, strict=True))) for name in numbered(500)}},
        "task 't' has 502 variables, drawn and derived; expected 500 at most",
    ),
    "slots": (
        lambda: {
            "templates": {"met": " ".join(f"{{{name}}}" for name in numbered(1001))},
            "slots": dict.fromkeys(numbered(1001), "A"),
        },
        "template 'met' has 1,001 slots; expected 1,000 at most",
    ),
}


@pytest.mark.parametrize("changes, message", ENDLESS.values(), ids=ENDLESS)
def test_what_is_too_much_to_check(changes, message):
    with pytest.raises(BadTask, match=message):
        define(**changes())


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"templates": {"met": "a" * 700_000 + " {A} met {B}. {C} saw"}}, r"are 2,8\d\d,\d{3} characters.*\(there are 1\)"),
        ({"pools": {"n": [name * 150_000 for name in NAMES]}}, "characters to tokenize, and 2,500,000 at most are"),
        ({"pools": {"n": numbered(30_000)}}, r"the largest has 30,000 words"),
        ({"counterfactuals": {name: {"A": "B"} for name in numbered(20_000, "c")}}, "fewer or shorter templates"),
    ],
    ids=["text", "words", "pool", "counterfactuals"],
)
def test_what_is_too_much_to_tokenize(changes, message):
    with pytest.raises(BadTask, match=message):
        define(**changes).prompts(1, model="organism")


def test_what_a_task_is_measured_by_is_what_is_looked_up(monkeypatch):
    """Each word counts once where templates give it the same neighbours: 16 characters around it, or its own."""
    monkeypatch.setattr(survivors, "_MOST_CHARACTERS", 0)
    with pytest.raises(BadTask) as one:
        define().prompts(1, model="organism")
    with pytest.raises(BadTask) as two:
        define(templates={"met": "{A} met {B}. {C} saw", "again": "Then {A} met {B}. {C} saw"}).prompts(1, model="organism")
    words = sum(len(name) + 16 for name in NAMES)
    literals = len(" met . saw") + 1 + 4 * 16
    assert f"are {5 * words + 4 * literals:,} characters" in str(one.value)
    assert f"are {6 * words + 4 * (2 * literals + len('Then ')):,} characters" in str(two.value)


def test_constraints_that_would_be_asked_for_ever(monkeypatch):
    monkeypatch.setattr(numbering, "_MOST_TRIED", 30)
    low, high = [str(number) for number in range(10)], [str(number) for number in range(10, 20)]
    changes = {"pools": {"low": low, "high": high}, "draw": {"A": "low", "B": "high"}}
    few = {"pools": {"low": low[:4], "high": high[:5]}, "draw": changes["draw"]}
    assert define(**few, constraints=[cc.increasing("A", "B")]).size(model="organism", stream="test") == 10
    with pytest.raises(BadTask, match=r"constraints of task 't' on A, B would have to be asked of more than 30 values"):
        define(**changes, constraints=[cc.increasing("B", "A")]).prompts(1, model="organism")


@pytest.fixture
def pigeons():
    """Five variables of which no two are alike, of four words: nothing fits, which is found out by trying."""
    names = numbered(5, "V")
    pairs = [cc.different(one, other) for one, other in itertools.combinations(names, 2)]
    pools = {f"of {name}": NAMES for name in names}
    return define(
        pools=pools,
        draw=dict(zip(names, pools, strict=True)),
        templates={"met": "{V0} met {V1} and"},
        slots={},
        answer="V0",
        distractor="V1",
        constraints=pairs,
    )


def test_constraints_that_nothing_obeys_are_searched_within_a_limit(pigeons, monkeypatch):
    with pytest.raises(cc.EmptyPool, match="no combination of values that its constraints allow"):
        pigeons.prompts(1, model="organism")
    realise.cache_clear()
    monkeypatch.setattr(combinations, "_MOST_SEARCHED", 60)
    with pytest.raises(BadTask, match=r"whether its constraints leave a value.*in 60 tries\. Use smaller pools"):
        pigeons.prompts(1, model="organism")


def test_pairs_of_words_beyond_a_limit_are_tokenized_whole(monkeypatch):
    """A task's tokens are the same, whether they are put together or not."""
    changes = {"templates": {"met": "{A},{B}. {C} saw"}}
    quick = define(**changes).prompts(3, model="organism", stream="test")
    monkeypatch.setattr(spelling, "_MOST_PAIRS", 0)
    spelling._known.cache_clear()
    realise.cache_clear()
    assert define(**changes).prompts(3, model="organism", stream="test") == quick


def test_a_word_as_long_as_a_book_between_two_slots():
    """In a process of its own, which ends after 60 s: a pattern that tries every letter takes hours, and is not
    interrupted."""
    script = """
from circuitcheck.prompts.realised.frames import _has_word, _words_after, _words_before
word = "a" * 1_000_000
for text in (word, f" {word}", f"{word} ", " " * 1_000_000 + "a", f"{word} a {word}"):
    _words_before(text, first=False), _words_after(text, last=False), _has_word(text)
print(_words_before(f"so {word} b c", first=True), _has_word(f"{word} b {word}"), _has_word(f"{word} - {word}"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "b c True False\n"
