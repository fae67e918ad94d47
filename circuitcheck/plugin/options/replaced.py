"""Models and dictionaries that options put in the place of those that claims name."""

import pytest

from circuitcheck.errors import BadSpec
from circuitcheck.models.several import listed_specs
from circuitcheck.plugin.options.table import MODEL, SAE
from circuitcheck.plugin.options.values import given
from circuitcheck.runs.models import replaced_models
from circuitcheck.text import repeated

ANY_MODELS = "--circuit-models"


def any_models(config: pytest.Config) -> tuple[str, ...]:
    """Those of claims that take any; empty where nothing is said. Raises UsageError for what names none, or one twice."""
    text = given(config, "models")
    try:
        return () if text is None else listed_specs(str(text))
    except BadSpec as error:
        raise pytest.UsageError(f"{ANY_MODELS}: {error}") from error


def given_saes(config: pytest.Config) -> dict[str, str]:
    """{name: spec}: those of the ini file, and over them those of the command line. Raises UsageError for what is none, and
    for a name that the command line has twice."""
    lines = config.getini(SAE.ini)
    on_line = [_named_spec(given) for given in config.getoption(SAE.flag)]
    twice = repeated(name for name, _ in on_line)
    if twice:
        raise pytest.UsageError(f"{SAE.flag} names {twice[0]!r} twice: give one dictionary in its place.")
    in_file = [_named_spec(given) for given in (lines if isinstance(lines, list) else [lines])]
    return dict([*in_file, *on_line])


def _named_spec(given: object) -> tuple[str, str]:
    name, equals, spec = (part.strip() for part in str(given).partition("="))
    if not (equals and name.isidentifier() and spec and spec.isprintable()):
        raise pytest.UsageError(f"{SAE.flag} {given!r}: expected NAME=SPEC, such as query=checkpoints/l1h11-query-v2.")
    return name, spec


def given_models(config: pytest.Config) -> dict[str, str]:
    """{old spec: new spec}: those of the ini file, and over them those of the command line. Raises UsageError."""
    lines = config.getini(MODEL.ini)
    try:
        found = {
            **replaced_models([str(each) for each in (lines if isinstance(lines, list) else [lines])]),
            **replaced_models(config.getoption(MODEL.flag)),
        }
    except ValueError as error:
        raise pytest.UsageError(f"{MODEL.flag} {error}") from error
    chained = sorted(set(found) & set(found.values()))
    if chained:
        raise pytest.UsageError(f"{MODEL.flag}: {chained[0]!r} is replaced, and replaces another: name the last one.")
    return found
