"""The parts of a transformer that a claim can name, parsed once into typed values."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from circuitcheck.errors import UnknownUnit


@dataclass(frozen=True)
class Architecture:
    """The limits that a unit must respect. Counts, not tensors."""

    n_layers: int
    n_heads: int
    n_key_value_heads: int
    n_ctx: int

    def describe(self) -> str:
        return f"{self.n_layers} layers (L0 to L{self.n_layers - 1}) of {self.n_heads} heads (H0 to H{self.n_heads - 1})"


@dataclass(frozen=True, order=True)
class Head:
    """One attention head: `L8H2`."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"


@dataclass(frozen=True, order=True)
class AttnLayer:
    """A whole attention layer: `L8.attn`."""

    layer: int

    def __str__(self) -> str:
        return f"L{self.layer}.attn"


@dataclass(frozen=True, order=True)
class MlpLayer:
    """A whole MLP layer: `L8.mlp`."""

    layer: int

    def __str__(self) -> str:
        return f"L{self.layer}.mlp"


Unit = Head | AttnLayer | MlpLayer

_HEADS = re.compile(r"L(\d+)H(\d+)(?:-(\d+))?")
_LAYERS = re.compile(r"L(\d+)(?:-(\d+))?\.(attn|mlp)")
_FORMS = "L8H2 (a head), L8H0-3 (heads 0 to 3), L8.attn, L8.mlp or L8-11.mlp (layers), separated by commas"


def parse_units(units: str | Unit | Iterable[str | Unit], architecture: Architecture) -> tuple[Unit, ...]:
    """Units in sorted order, each once.

    Raises UnknownUnit for words that are no unit, an empty set, a unit named twice, or one beyond the model.
    """
    found = [unit for word in _words(units) for unit in _parse(word, architecture)]
    if not found:
        raise UnknownUnit(f"no units in {units!r}: an intervention on nothing changes nothing. Expected {_FORMS}.")
    for unit in found:
        _check(unit, architecture)
    twice = sorted({str(unit) for unit in found if found.count(unit) > 1})
    if twice:
        raise UnknownUnit(f"{', '.join(twice)} named more than once in {units!r}: name each unit once.")
    return tuple(sorted(found, key=lambda unit: (unit.layer, type(unit).__name__, unit)))


def _words(units: str | Unit | Iterable[str | Unit]) -> Iterator[str | Unit]:
    if isinstance(units, str):
        yield from (word for word in re.split(r"[,\s]+", units.strip()) if word)
    elif isinstance(units, Unit):
        yield units
    elif isinstance(units, Iterable):
        for item in units:
            yield from _words(item)
    else:
        raise UnknownUnit(f"{units!r} is not a unit. Expected {_FORMS}.")


def _parse(word: str | Unit, architecture: Architecture) -> list[Unit]:
    if not isinstance(word, str):
        return [word]
    if match := _HEADS.fullmatch(word):
        layer, first, last = int(match[1]), int(match[2]), int(match[3] or match[2])
        _check(Head(layer, last), architecture)
        return [Head(layer, head) for head in _span(word, first, last)]
    if match := _LAYERS.fullmatch(word):
        kind = AttnLayer if match[3] == "attn" else MlpLayer
        first, last = int(match[1]), int(match[2] or match[1])
        _check(kind(last), architecture)
        return [kind(layer) for layer in _span(word, first, last)]
    raise UnknownUnit(f"{word!r} is not a unit. Expected {_FORMS}.")


def _span(word: str, first: int, last: int) -> range:
    if last < first:
        raise UnknownUnit(f"{word!r} counts backwards: write the smaller number first.")
    return range(first, last + 1)


def _check(unit: Unit, architecture: Architecture) -> None:
    there = unit.layer in range(architecture.n_layers)
    if not there or (isinstance(unit, Head) and unit.head not in range(architecture.n_heads)):
        raise UnknownUnit(f"{unit} does not exist: this model has {architecture.describe()}.")
