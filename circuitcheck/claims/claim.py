"""The decorator. It marks a test function and does nothing else."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from circuitcheck.arguments import known_arguments
from circuitcheck.claims.claimed_models import AnyModel, ClaimedModels, Expect, claimed_models
from circuitcheck.given import number_of, whole_of
from circuitcheck.settings import CLAIM_MARK, SCOPES, Scope
from circuitcheck.text import shown

MARK = CLAIM_MARK

_LARGEST_FAMILY = 1_000_000
_ID = re.compile(r"[\w.:/-]+")
_ATTACHED = ("at", "reads", "writes", "model", "processing", "prepend_bos")  # arguments of cc.sae and cc.transcoder
_NAME = re.compile(r"\{(\w+)\}")  # of a parameter, in an id or a text


@dataclass(frozen=True)
class NamedDictionary:
    """A dictionary of features that a claim names: how it is loaded, and the `arguments` of `cc.sae` or `cc.transcoder`."""

    name: str
    spec: str
    arguments: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Claim:
    """A sentence, what it is about, and how its author expects it to come out."""

    text: str
    id: str
    models: tuple[str, ...]
    expect: Expect
    samples: int | None
    confidence: float | None
    source: str | None
    scope: Scope | None = None
    family: str | None = None
    family_size: int | None = None
    saes: tuple[NamedDictionary, ...] = ()
    margin: float | None = None
    claimed: ClaimedModels = field(default_factory=ClaimedModels)

    def with_models(self, claimed: ClaimedModels) -> "Claim":
        """The same claim of other models."""
        return replace(self, models=claimed.specs, claimed=claimed)

    def on(self, model: str | None) -> "Claim":
        """With what is expected of one of its models."""
        return replace(self, expect=self.claimed.expected_of(model))

    def with_parameters(self, values: Mapping[str, object]) -> "Claim":
        """The claim of one case of a parametrized test: `{head}` in its id and its text stands for the value of `head`.
        Raises ValueError for a name that no parameter has, or a value that cannot be part of an id."""
        unknown = sorted(set(_NAME.findall(self.id)) - set(values))
        if unknown:
            raise ValueError(
                f"claim {self.id!r} has {{{unknown[0]}}} in its id, and its test has "
                f"{'the parameters ' + ', '.join(values) if values else 'no parameters (pytest.mark.parametrize)'}."
            )
        given = {name: _in_words(name, value) for name, value in values.items()}
        filled = _NAME.sub(lambda found: given[found[1]], self.id)
        if not _ID.fullmatch(filled):
            raise ValueError(_no_id(self.id, filled, given))
        text = _NAME.sub(lambda found: given.get(found[1], found[0]), self.text)
        return replace(self, id=filled, text=text)

    def key(self, model: str | None) -> str:
        """How reports and baselines name the claim on one model: `ioi.null[gpt2]`."""
        return self.id if model is None else f"{self.id}[{model}]"


def _no_id(id: str, filled: str, given: Mapping[str, str]) -> str:  # noqa: A002
    """Which parameter does not fit into an id, and what to do."""
    name = next((each for each in _NAME.findall(id) if not _ID.fullmatch(given[each])), "")
    return (
        f"{filled!r} is no claim id, because of the parameter {name!r} of its test, which is {given.get(name, '')!r}; "
        f"expected letters, digits and . : / - _, also in {{}}. Take {{{name}}} out of the id and put another parameter "
        f"there that names the case, as in parametrize('name, {name}', [('movers', ...)]) with id='...{{name}}'."
    )


def _in_words(name: str, value: object) -> str:
    """Raises ValueError for a value that cannot say what it is."""
    try:
        return str(value)
    except Exception as error:
        raise ValueError(
            f"the value of the parameter {name} has no words: its str() raises {type(error).__name__}."
        ) from error


@known_arguments
def claim(
    text: str,
    *,
    id: str = "",  # noqa: A002 - the word that users know from pytest
    model: str | AnyModel | None = None,
    models: Iterable[str] | None = None,
    saes: Mapping[str, str | Mapping[str, object]] | None = None,
    expect: Expect | Mapping[str, Expect] = "supported",
    scope: Scope | None = None,
    samples: int | None = None,
    confidence: float | None = None,
    family: str | None = None,
    family_size: int | None = None,
    source: str | None = None,
    margin: float | None = None,
) -> pytest.MarkDecorator:
    """Mark a test function as a claim.

    `text` is the sentence a reader would doubt; `id` names it for ever. `model` is the spec of its model, `models` runs it
    on each of several, in whose order a change of verdict is looked for; braces stand for several, too:
    `model="pythia-160m@step{512,4000}"`. `model=cc.any_model` is for those that `--circuit-models` names. `expect="refuted"`
    is for a claim that does not hold: its test is then expected to be refuted, and fails if it is supported;
    `expect={"*@step512": "refuted"}` says it of the models that a pattern fits (that of `fnmatch`; the first one counts).

    `samples` and `confidence` override the defaults (512 prompts at most, 0.95). `scope` says what the verdict is about:
    more prompts of "these_templates", or "new_templates" of which these are a sample (5 at least). A claim of a `family` is
    one of `family_size` that are published together, and is held to 1 / family_size of the error.
    `source` cites where the claim comes from. `margin` is by how much its numbers may change from one revision of a model to
    the next (`circuitcheck compare`); where it is not given, by half of their distance to the threshold.

    `saes={"query": SPEC}` names dictionaries of features, which the test gets by `saes["query"]`; `--circuit-sae
    query=SPEC` runs the same claim on another. In a parametrized test, `{head}` in id and text stands for the value of the
    parameter `head`. Raises ValueError for values that mean nothing.
    """
    if not isinstance(text, str):
        raise ValueError(
            "@cc.claim stands without its sentence; expected @cc.claim('what is claimed', id='ioi.name-movers')."
        )
    if not id:
        raise ValueError(f"the claim {text!r} has no id, by which reports know it: add id='ioi.name-movers', or so.")
    if not text.strip():
        raise ValueError(f"claim {id!r} has no text: say in a sentence what it claims.")
    if not isinstance(id, str) or not _ID.fullmatch(_NAME.sub("x", id)):
        raise ValueError(
            f"{id!r} is no claim id; expected letters, digits and . : / - _, as in 'ioi.name-movers', or 'ioi.{{head}}'."
        )
    if confidence is not None and not 0.5 < (number_of(confidence) or 0) < 1:
        raise ValueError(f"claim {id!r}: confidence={shown(confidence)}; expected a number between 0.5 and 1, such as 0.95.")
    budget = whole_of(samples)
    if samples is not None and (budget or 0) < 1:
        raise ValueError(f"claim {id!r}: samples={shown(samples)}; expected a whole number of prompts.")
    if scope is not None and scope not in SCOPES:
        raise ValueError(f"claim {id!r}: scope={scope!r}; expected {' or '.join(map(repr, SCOPES))}.")
    _check_family(id, family, family_size)
    claimed = claimed_models(id, model, models, expect)
    return getattr(pytest.mark, MARK).with_args(  # type: ignore[no-any-return]
        Claim(
            text,
            id,
            claimed.specs,
            claimed.expected_of(claimed.specs[0] if claimed.specs else None),
            budget,
            confidence,
            source,
            scope,
            family,
            family_size,
            _dictionaries(id, saes),
            _margin(id, margin),
            claimed,
        )
    )


def _margin(claim_id: str, given: object) -> float | None:
    found = number_of(given)
    if given is not None and not 0 < (found or 0) < math.inf:
        raise ValueError(
            f"claim {claim_id!r}: margin={shown(given)}; expected a number above 0, in the units of what is claimed."
        )
    return found


def _dictionaries(claim_id: str, given: object) -> tuple[NamedDictionary, ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping) or not given:
        raise ValueError(
            f"claim {claim_id!r}: saes={given!r}; expected names with the specs of dictionaries, such as "
            f"{{'query': 'checkpoints/l1h11-query'}}."
        )
    return tuple(_dictionary(claim_id, name, value) for name, value in given.items())


def _dictionary(claim_id: str, name: object, value: object) -> NamedDictionary:
    arguments = dict(value) if isinstance(value, Mapping) else {"spec": value}
    spec, strange = arguments.pop("spec", None), sorted(set(map(str, arguments)) - set(_ATTACHED))
    named = isinstance(name, str) and name.isidentifier()
    if not named or not isinstance(spec, str) or not spec or not spec.isprintable() or strange:
        raise ValueError(
            f"claim {claim_id!r}: saes has {name!r}: {value!r}; expected a name such as 'query' and the spec of a "
            f"dictionary: a folder, 'hub:RELEASE/ID', or 'organism/NAME'. Where its config does not say enough, "
            f"{{'spec': 'checkpoints/l1h11-query', 'at': 'L1H11.q'}}, with any of {', '.join(_ATTACHED)}."
        )
    return NamedDictionary(str(name), spec, tuple(arguments.items()))


def _check_family(claim_id: str, family: str | None, size: int | None) -> None:
    if (family is None) != (size is None):
        raise ValueError(
            f"claim {claim_id!r}: family={family!r}, family_size={size!r}; give both: the size is how many claims are "
            f"published together, also those that are not run today."
        )
    if size is not None and not (isinstance(size, int) and 1 <= size <= _LARGEST_FAMILY):
        raise ValueError(
            f"claim {claim_id!r}: family_size={str(size)[:50]}; expected the number of claims in family {family!r}, "
            f"{_LARGEST_FAMILY:,} at most."
        )
