"""What is settled when claims are collected: their models, their keys, and forms that could not be sound."""

import inspect
import unittest
from collections.abc import Iterable
from dataclasses import replace

import pytest

from circuitcheck.claims import MARK, Claim
from circuitcheck.errors import Refuted
from circuitcheck.plugin.options import given_models
from circuitcheck.text import suggestion

_REPEATED = "__pytest_repeat_step_number"  # of pytest-repeat


def claim_of(node: pytest.Item | pytest.Collector) -> Claim | None:
    """Of a parametrized test, the claim of this case. Raises UsageError where its id asks for a parameter that is not
    there."""
    claim = _marked(node)
    values = {**getattr(getattr(node, "callspec", None), "params", {})}
    step = values.pop(_REPEATED, 0)
    values.pop("circuit_model", None)
    if claim is None or not isinstance(node, pytest.Item) or ("{" not in claim.id and not step):
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
    models = given_models(node.config)
    return replace(claim, models=tuple(models.get(each, each) for each in claim.models)) if models else claim


def model_of(item: pytest.Item, claim: Claim) -> str | None:
    """The spec that this item runs on."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "circuit_model" in params:
        return str(params["circuit_model"])
    return claim.models[0] if claim.models else None


def parametrize_model(metafunc: pytest.Metafunc) -> None:
    """One item for each model of the claim. Raises CollectError for models that the test never looks at."""
    claim = _marked(metafunc.definition)
    if claim is None or not claim.models:
        return
    if "circuit_model" in metafunc.fixturenames:
        metafunc.parametrize("circuit_model", claim.models, indirect=True, scope="session")
    elif len(claim.models) > 1:
        raise pytest.Collector.CollectError(
            f"claim {claim.id} names {len(claim.models)} models, but its test takes neither `model` nor `circuit_model`."
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
    """Raises UsageError for a model to replace that no claim names; a test that loads models itself may name any."""
    claims = [mark.args[0] for item in items if (mark := item.get_closest_marker(MARK)) is not None]
    named = {model for claim in claims for model in claim.models}
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


def expect_refutation(items: list[pytest.Item]) -> None:
    """`expect="refuted"` is a strict xfail: only a refutation counts, and support is a failure."""
    for item in items:
        claim = claim_of(item)
        if claim is not None and claim.expect == "refuted":
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
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise pytest.UsageError(f"claim {claim.id} is async, and nothing in it needs to wait: make it a plain function.")
