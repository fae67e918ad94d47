"""What a result rests on, gathered where it is asked: the prompts, the numbers on each, and the rule."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.grounds.rests import LONGEST, MOST_TEXTS, PromptSet, Rests, Rule, StoredCell
from circuitcheck.plan import Cell, DictionaryRef
from circuitcheck.prompts import Prompt, PromptStream
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.expressions.linear import Linear
from circuitcheck.quantities.questions.history import lasting
from circuitcheck.sampling import Basis, Memberships
from circuitcheck.session import Settings, current_session

T = TypeVar("T")


def fixed_prompts(quantity: Expression, settings: Settings) -> int:
    """How many prompts are measured whatever comes out, so that runs can be paired on them: a sample that stopped because
    of what it showed is biased."""
    population = current_session().population(quantity.prompts, quantity.models)
    return min(max(settings.first_look, settings.fixed), population)


def rests_of(seen: Expression, basis: Basis, rule: Rule, n: int, fixed: int, *, replayed: bool = False) -> Rests | None:
    """Of a decision on the first `n` prompts of `seen`. None for factors that JSON cannot hold."""
    linears = (seen.numerator, seen.denominator or seen.numerator, seen.times or seen.numerator)
    if not all(math.isfinite(k) for each in linears for k in (*(k for k, _ in each.terms), each.constant)):
        return None
    rows = range(max(n, fixed))
    measured = current_session().measure(seen.prompts, seen.cells, rows)
    cells = tuple(map(_stored, seen.cells))
    labels = None if replayed else basis.grouping.labels(len(rows))
    return Rests(prompt_set(seen, rows, labels), cells, measured.values, basis, rule, fixed, asked_of(seen), replayed)


def asked_of(quantity: Expression) -> str:
    """What is measured, in words, whatever its models and dictionaries are called and whatever their weights: the same in
    every process."""
    models = {model: number for number, model in enumerate(quantity.models)}
    dictionaries = dict.fromkeys(each for cell in quantity.cells for each in cell.dictionaries)
    names = {each: _by_place(each, number) for number, each in enumerate(dictionaries)}

    def in_words(linear: Linear | None) -> object:
        if linear is None:
            return None
        said = [(k, *_words(_renamed(cell, names)), models[cell.view.model]) for k, cell in linear.terms]
        return said, linear.constant

    parts = [in_words(each) for each in (quantity.numerator, quantity.denominator, quantity.times)]
    return digest((parts, quantity.cut, quantity.q))


def _words(cell: Cell) -> tuple[str, str]:
    return cell.view.describe(), lasting(cell.metric)


def _by_place(dictionary: DictionaryRef, number: int) -> DictionaryRef:
    """One that stands for whichever is attached there: views are told apart by their words, and metrics by digests."""
    name = f"dictionary {number} from {dictionary.reads} to {dictionary.writes}"
    return replace(dictionary, spec="", name=name, fingerprint=name, width=0)


def _renamed(value: T, names: Mapping[DictionaryRef, DictionaryRef]) -> T:
    """The same of other dictionaries, however deep they lie in it. Prompts are what they are."""
    found: object = value
    if isinstance(value, DictionaryRef):
        found = names[value]
    elif isinstance(value, tuple) and names:
        parts = tuple(_renamed(each, names) for each in value)
        found = parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    elif names and is_dataclass(value) and not isinstance(value, type | PromptStream):
        held = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        new = {name: _renamed(part, names) for name, part in held.items()}
        found = replace(value, **new) if any(new[name] is not held[name] for name in held) else value
    return cast(T, found)


def _stored(cell: Cell) -> StoredCell:
    return StoredCell(cell.digest, cell.describe(), str(cell.view.model), cell.view.model.fingerprint)


def prompt_set(seen: Expression, rows: range, labels: Memberships | None = None) -> PromptSet:
    """The prompts that an expression is measured on; without `labels`, with their templates alone."""
    where, session = seen.prompts, current_session()
    prompts = session.prompts(where, seen.models[0], rows)
    return PromptSet(
        digest(where.key),
        where.task.name,
        where.task.digest,
        where.stream,
        where.seed,
        _digests(prompts),
        tuple(each.text[-LONGEST:] for each in prompts[:MOST_TEXTS]),
        labels or Memberships(tuple(each.template for each in prompts), ("",) * len(prompts), ("",) * len(prompts)),
    )


def _digests(prompts: Sequence[Prompt]) -> NDArray[np.uint8]:
    """[prompt, 8]"""
    return np.stack([np.frombuffer(_digest(each), np.uint8) for each in prompts])


def _digest(prompt: Prompt) -> bytes:
    others = sorted((name, each.text) for name, each in prompt.counterfactuals.items())
    said = (prompt.text, prompt.answer, prompt.distractor, prompt.candidates, others)
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).digest()
