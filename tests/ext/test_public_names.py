"""Everything of ours that a user meets in a signature or a traceback is exported, says what it is, and takes words of a few
as a Literal.

How it could be fooled: a class that a public function gives and nobody can name; an error that nobody can catch by its name;
a new name without a word about it; a type that lets any text pass where only a few words do."""

import inspect
import typing

import pytest
from exported import FOR_CHECKERS, met_in

import circuitcheck as cc
from circuitcheck import errors, ext, plan, prompts, testing

PUBLIC = {name: getattr(module, name) for module in (cc, ext, testing) for name in module.__all__}
# What a session, a quantity or a plan keeps inside: a user gets them, and hands them back, but never needs their names.
INSIDE = {
    "Cell", "Decision", "Evidence", "Expression", "Linear", "Measured", "Noise", "PromptStream",  # parts of quantities
    "ContraryPrompt", "ControlResult", "Form", "Looks", "Rests", "Tries",  # parts of results, and what they rest on
    "Scanned", "Scanning",  # of a pass over texts
    "Drawable", "Origin", "SweptTask",  # of a sweep, its grid and its picture
    "CheckUp", "CheckUpStore", "CounterexampleStore", "Ledger",  # what a session keeps
    "DictionaryLooks", "KnownModels", "Reuse", "Store",
    "AllBut", "Constraint", "PromptSource", "Resample", "StreamMean", "TaskDefinition", "Tokenizer", "UnitSource",
    "_HasTokenizer", "LoadedModel",
    "Control", "EditFeatures", "Features", "LoadedDictionary", "Predicate", "Sets",  # what features and keys are made of
}  # fmt: skip
WORDS = ("kind", "stream", "expect", "scope", "bos", "support")


def functions_of(thing):
    """(name, function) of a public function, or of each public method of a class of ours."""
    if inspect.isfunction(thing):
        yield thing.__name__, thing
    if inspect.isclass(thing):
        for name, held in vars(thing).items():
            found = getattr(held, "__func__", held)
            if not name.startswith("_") and inspect.isfunction(found):
                yield f"{thing.__name__}.{name}", found


@pytest.mark.parametrize("name", PUBLIC)
def test_what_a_signature_names_is_exported(name):
    exported = {id(each) for each in PUBLIC.values()}
    hidden = [f"{where}: {each.__name__}" for where, each in met_in(PUBLIC[name]) if id(each) not in exported]
    assert not [each for each in hidden if each.rpartition(" ")[2] not in INSIDE]


def test_every_error_is_exported():
    raised = {name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)}
    assert raised <= set(cc.__all__)


def test_what_is_inside_is_no_longer_than_it_needs_to_be():
    met = {each.__name__ for thing in PUBLIC.values() for _, each in met_in(thing)}
    assert set(INSIDE) <= met
    assert not set(INSIDE) & set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_it_says_what_it_is(name):
    thing = PUBLIC[name]
    said = inspect.getdoc(thing) or ""
    assert not hasattr(thing, "__module__") or said, f"{name} has no docstring"
    assert not said.startswith(f"{name}("), f"{name} has the docstring that dataclasses make"
    if getattr(thing, "__module__", "").startswith("circuitcheck") and name in cc.__all__:
        assert not [each for each, function in functions_of(thing) if not inspect.getdoc(function)]


@pytest.mark.parametrize("name", sorted(set(cc.__all__) - {"Estimate", "Session"}))
def test_words_of_a_few_are_literals(name):
    for where, function in functions_of(PUBLIC[name]):
        hints = typing.get_type_hints(function, localns=FOR_CHECKERS)
        plain = [each for each in WORDS if hints.get(each) in (str, str | None)]
        assert not plain, f"{where} takes any text for {plain}"


def test_the_words_are_those_that_are_checked():
    assert typing.get_args(prompts.Stream) == tuple(prompts.STREAMS)
    assert typing.get_args(typing.get_type_hints(cc.ModelView.ablate)["kind"]) == plan.KINDS


@pytest.mark.parametrize("module", [cc, ext, testing], ids=lambda module: module.__name__)
def test_names_are_listed_once_and_are_there(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
