"""What is settled when claims are collected: their models, their keys, and forms that could not be sound."""

import inspect
import unittest
from collections.abc import Iterable
from dataclasses import replace

import pytest

from circuitcheck.claims import MARK, Claim
from circuitcheck.errors import BadSpec, Refuted
from circuitcheck.plugin.options import ANY_MODELS, any_models, given_models
from circuitcheck.text import suggestion

_REPEATED = "__pytest_repeat_step_number"  # of pytest-repeat


def claim_of(node: pytest.Item | pytest.Collector) -> Claim | None:
    """Of a parametrized test, the claim of this case, with what is expected of its model. Raises UsageError where its id
    asks for a parameter that is not there."""
    claim = _marked(node)
    if claim is None or not isinstance(node, pytest.Item):
        return claim
    values = {**getattr(getattr(node, "callspec", None), "params", {})}
    step = values.pop(_REPEATED, 0)
    values.pop("circuit_model", None)
    claim = claim.on(model_of(node, claim))
    if "{" not in claim.id and not step:
        return claim
    try:
        filled = claim.with_parameters(values)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    return replace(filled, id=f"{filled.id}.again{step}") if step else filled


def _marked(node: pytest.Item | pytest.Collector) -> Claim | None:
    own = [mark for mark in node.own_markers if mark.name == MARK]
    if len(own) > 1:
        ids = " and ".join(mark.args[0].id for mark in own)
        raise pytest.Collector.CollectError(
            f"{node.nodeid} is two claims, {ids}: write a test for each, or one claim with two asserts."
        )
    mark = node.get_closest_marker(MARK)
    if mark is None:
        return None
    claim: Claim = mark.args[0]
    try:
        return claim.with_models(claim.claimed.chosen(any_models(node.config)).replaced(given_models(node.config)))
    except BadSpec as error:
        raise pytest.Collector.CollectError(f"claim {claim.id}, with the models of the options: {error}") from error


def model_of(item: pytest.Item, claim: Claim) -> str | None:
    """The spec that this item runs on."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "circuit_model" in params:
        found = params["circuit_model"]
        return None if found is None else str(found)
    return claim.models[0] if claim.models else None


def parametrize_model(metafunc: pytest.Metafunc) -> None:
    """One item for each model of the claim; of a claim of any model, one without where none is named. Raises CollectError
    for models that the test never looks at."""
    claim = _marked(metafunc.definition)
    if claim is None or not (claim.models or claim.claimed.free):
        return
    if "circuit_model" in metafunc.fixturenames:
        models = claim.models or (None,)
        names = [model or "any" for model in models]
        metafunc.parametrize("circuit_model", models, indirect=True, scope="session", ids=names)
    elif len(claim.models) > 1 or claim.claimed.free:
        named = "is of any model" if claim.claimed.free else f"names {len(claim.models)} models"
        raise pytest.Collector.CollectError(
            f"claim {claim.id} {named}, but its test takes neither `model` nor `circuit_model`."
        )


def check_claims(items: list[pytest.Item]) -> None:
    """Raises UsageError for two claims with one key, and for tests whose asserts would not be asked once, in order."""
    seen: dict[str, str] = {}
    families: dict[str, list[Claim]] = {}
    for item in items:
        claim = claim_of(item)
        if claim is None:
            continue
        key = claim.key(model_of(item, claim))
        if key in seen:
            raise pytest.UsageError(f"two claims are called {key}: {seen[key]} and {item.nodeid}. {_own_id(item)}")
        seen[key] = item.nodeid
        _check_form(item, claim)
        _check_family(claim, families)


def check_models(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Raises UsageError for a model to replace that no claim names, and for models where no claim is of any; a test that
    loads models itself may name any to be replaced."""
    claims: list[Claim] = [mark.args[0] for item in items if (mark := item.get_closest_marker(MARK)) is not None]
    chosen = any_models(config)
    if claims and chosen and not any(claim.claimed.free for claim in claims):
        raise pytest.UsageError(
            f"{ANY_MODELS} names {len(chosen)} models, and no claim that was collected takes them: say model=cc.any_model "
            f"in those that hold for any, or --circuit-model OLD=NEW."
        )
    named = {model for claim in claims for model in claim.claimed.chosen(chosen).specs}
    strange = [old for old in given_models(config) if old not in named]
    loads = any("load_model" in _arguments(item) for item in items)
    if claims and strange and not loads:
        raise pytest.UsageError(
            f"--circuit-model {strange[0]}=...: no claim names the model {strange[0]!r}; they name "
            f"{', '.join(sorted(named)) or 'none'}.{suggestion(strange[0], named)}"
        )


def _arguments(item: pytest.Item) -> Iterable[str]:
    """Of its test, which need not be all the fixtures that it uses."""
    function = getattr(item, "function", None)
    return () if function is None else inspect.signature(function).parameters


def _own_id(item: pytest.Item) -> str:
    names = [name for name in getattr(getattr(item, "callspec", None), "params", {}) if name != "circuit_model"]
    if not names:
        return "Give each its own id."
    claim = claim_of(item)
    return f"Give each case its own: id='{claim.id if claim else ''}.{{{names[0]}}}'."


def mark_claims(items: list[pytest.Item]) -> None:
    """`-k` finds a claim by its id. `expect="refuted"` is a strict xfail: only a refutation counts, and support is a
    failure."""
    for item in items:
        claim = claim_of(item)
        if claim is None:
            continue
        item.extra_keyword_matches.add(claim.id)
        if claim.expect == "refuted":
            item.add_marker(pytest.mark.xfail(raises=Refuted, strict=True, reason="expected to be refuted"))


def _check_family(claim: Claim, families: dict[str, list[Claim]]) -> None:
    if claim.family is None or claim.family_size is None:
        return
    members = families.setdefault(claim.family, [])
    members.append(claim)
    if claim.family_size != members[0].family_size:
        raise pytest.UsageError(
            f"family {claim.family!r} has family_size={members[0].family_size} in claim {members[0].id} and "
            f"{claim.family_size} in claim {claim.id}: it is one number."
        )
    if len(members) > claim.family_size:
        raise pytest.UsageError(
            f"family {claim.family!r} has more claims than its family_size={claim.family_size}; {claim.id} is one too many."
        )


def _check_form(item: pytest.Item, claim: Claim) -> None:
    function, owner = getattr(item, "obj", None), getattr(item, "cls", None)
    if getattr(function, "is_hypothesis_test", False):
        raise pytest.UsageError(
            f"claim {claim.id} is under @given: hypothesis runs a test many times, and a verdict is one test. Draw prompts "
            f"through a task instead, which randomizes them; use @given in tests that are no claims."
        )
    if owner is not None and issubclass(owner, unittest.TestCase):
        raise pytest.UsageError(f"claim {claim.id} is a method of a TestCase, which takes no fixtures: make it a function.")
    if item.get_closest_marker("xfail") is not None:
        raise pytest.UsageError(
            f"claim {claim.id} is marked xfail, which would hide from pytest what reports count: say expect='refuted' in "
            f"@cc.claim(...), or mark it skip."
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise pytest.UsageError(f"claim {claim.id} is async, and nothing in it needs to wait: make it a plain function.")
