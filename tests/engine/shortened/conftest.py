"""Tiny random models, each loaded once, and a task whose prompts and answers differ in length."""

import sys
import warnings
from functools import cache
from pathlib import Path

import pytest
from drawn_plans import Words
from tiny import save_tokenizer, tiny_hooked_transformer
from tiny_architectures import SETTINGS, save_architecture
from two_ways import TwoWays

import circuitcheck as cc

REFERENCE = Path(__file__).parents[2] / "reference"
NAMES = ("Mary", "John", "Tom", "James", "Paul", "Anna", "Emma", "Peter", "Simon", "Kate", "Laura", "Mark")


@pytest.fixture(scope="session")
def kept():
    """The session that holds the models."""
    return cc.Session()


@pytest.fixture(autouse=True)
def fresh_session(kept):
    with cc.use_session(kept):
        yield


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    """A folder with a tokenizer that reads any text."""
    folder = tmp_path_factory.mktemp("words")
    save_tokenizer(folder)
    return folder


def names_task(name, replies, **templates):
    made = cc.Task.define(
        name,
        templates=templates,
        pools={"name": NAMES},
        draw={"a": "name", "b": "name", "other": "name"},
        derive={"reply": ("a", replies), "wrong": ("b", replies)},
        slots={"A": "a", "B": "b"},
        answer="reply",
        distractor="wrong",
        counterfactuals={"abc": {"A": "other"}, "swap": {"A": "b", "B": "a"}},
        answer_tokens=None,
    )
    return made.on_stream("test")


@pytest.fixture(scope="session")
def task():
    """Prompts of two lengths, with answers of one token and of several, of which logits read the first."""
    replies = {name: name if place % 2 else f"{name} and {name}" for place, name in enumerate(NAMES)}
    return names_task("replies", replies, met="Then {A} met {B} and", saw="Then in the park {B} saw {A} again, and")


@pytest.fixture(scope="session")
def alike():
    """Prompts of one length, with answers of one token."""
    return names_task("alike", {name: name for name in NAMES}, met="Then {A} met {B} and")


@pytest.fixture(scope="session")
def longer():
    """The same, with more words before them."""
    return names_task("longer", {name: name for name in NAMES}, met="Then " * 18 + "{A} met {B} and")


@pytest.fixture(scope="session")
def many():
    """Prompts of twelve lengths."""
    some = {f"after {count}": "Then " * count + "{A} met {B} and" for count in range(1, 13)}
    return names_task("many", {name: name for name in NAMES}, **some)


@pytest.fixture(scope="session")
def two_ways(kept, words, tmp_path_factory):
    """two_ways(name): of the six families, of other architectures, `hooked` or `organism`."""
    sys.path.append(str(REFERENCE))
    from tiny_families import FAMILIES, tiny_model
    from transformers import AutoTokenizer

    def made(name):
        if name == "organism":
            return name
        if name == "hooked":
            return tiny_hooked_transformer(words, initializer_range=0.3)
        folder = tmp_path_factory.mktemp("models") / name
        if name not in FAMILIES:
            return save_architecture(name, SETTINGS[name], words, folder)
        tokenizer = AutoTokenizer.from_pretrained(words)
        tiny_model(name, vocab=len(tokenizer)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    @cache
    def found(name):
        with cc.use_session(kept), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return TwoWays(kept, cc.load(made(name)))

    return found


@pytest.fixture(scope="session")
def words_of(two_ways, task):
    return cache(lambda name, of=task: Words(two_ways(name), of))
