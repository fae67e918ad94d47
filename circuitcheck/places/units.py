"""The parts of a transformer that a claim can name, parsed once into typed values."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from circuitcheck.errors import UnknownUnit
from circuitcheck.text import shown


@dataclass(frozen=True)
class Architecture:
    """The limits that units and sites must respect. Counts, not tensors. `d_mlp` is the neurons of an MLP layer, None where
    that is not known; `parallel` says that attention and MLP of a block read the same residual stream,
    `without_value_biases` that these were folded into the output's, so that a head's output lacks its own, `attn_only`
    that there are no MLPs.
    """

    n_layers: int
    n_heads: int
    n_key_value_heads: int
    n_ctx: int
    d_mlp: int | None = None
    parallel: bool = False
    without_value_biases: bool = False
    attn_only: bool = False

    def describe(self) -> str:
        """In words."""
        neurons = "" if self.d_mlp is None else f" and {self.d_mlp} neurons"
        heads = f"{self.n_heads} heads (H0 to H{self.n_heads - 1})"
        return f"{self.n_layers} layers (L0 to L{self.n_layers - 1}) of {heads}{neurons}"


_MANY = 1_000_000
ANY_MODEL = Architecture(_MANY, _MANY, _MANY, _MANY)  # for units of a model that is not there yet


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


@dataclass(frozen=True, order=True)
class Neuron:
    """One neuron of an MLP layer, as its output projection reads it: `L3.mlp[12]`."""

    layer: int
    index: int

    def __str__(self) -> str:
        return f"L{self.layer}.mlp[{self.index}]"


Unit = Head | AttnLayer | MlpLayer | Neuron


@runtime_checkable
class UnitSource(Protocol):
    """What stands for units of whatever model it is used on."""

    def resolve(self, architecture: Architecture) -> "tuple[Unit, ...]": ...


Units = str | Unit | UnitSource | Iterable[str | Unit | UnitSource]

_HEADS = re.compile(r"L(\d{1,9})H(\d{1,9})(?:-(\d{1,9}))?")
_LAYERS = re.compile(r"L(\d{1,9})(?:-(\d{1,9}))?\.(attn|mlp)")
_NEURONS = re.compile(r"L(\d{1,9})\.mlp\[(\d{1,9})(?:-(\d{1,9}))?\]")
_LAYER = re.compile(r"L?(\d{1,9})(?:-(\d{1,9}))?")
_LAYER_FORMS = "'L3', 'L2-5' or numbers"
_FORMS = (
    "L8H2 (a head), L8H0-3 (heads 0 to 3), L8.attn, L8.mlp or L8-11.mlp (layers), L3.mlp[12] or L3.mlp[12-20] (neurons), "
    "separated by commas"
)

_LONGEST = 1_000_000  # characters: all heads of the largest models take 150,000


def parse_units(units: Units, architecture: Architecture) -> tuple[Unit, ...]:
    """Units in sorted order, each once.

    Raises UnknownUnit for words that are no unit, an empty set, a unit named twice, or one beyond the model.
    """
    found = [unit for word in unit_words(units) for unit in _parse(word, architecture)]
    if not found:
        raise UnknownUnit(f"no units in {shown(units)}: an intervention on nothing changes nothing. Expected {_FORMS}.")
    for unit in found:
        _check(unit, architecture)
    twice = sorted(str(unit) for unit, times in Counter(found).items() if times > 1)
    if twice:
        raise UnknownUnit(f"{', '.join(twice)} named more than once in {shown(units)}: name each unit once.")
    return tuple(sorted(found, key=lambda unit: (unit.layer, type(unit).__name__, unit)))


def parse_layers(layers: str | Iterable[int] | None, architecture: Architecture) -> tuple[int, ...]:
    """Layer numbers in order, each once; None means all. Raises UnknownUnit for words that are no layers, or layers
    beyond the model."""
    if layers is None:
        return tuple(range(architecture.n_layers))
    words = [layers] if isinstance(layers, int) else unit_words(layers, of_layers=True)
    found = sorted({number for word in words for number in _layers(word, architecture)})
    if not found:
        raise UnknownUnit(f"no layers in {shown(layers)}. Expected {_LAYER_FORMS}.")
    return tuple(found)


def _layers(word: object, architecture: Architecture) -> range:
    match = _LAYER.fullmatch(str(word))
    if match is None:
        raise UnknownUnit(f"{shown(word)} is no layer. Expected {_LAYER_FORMS}.")
    first, last = int(match[1]), int(match[2] or match[1])
    if last >= architecture.n_layers:
        raise UnknownUnit(f"layer {last} does not exist: this model has {architecture.describe()}.")
    return _span(str(word), first, last)


def unit_words(units: Any, *, of_layers: bool = False) -> Iterator[Any]:
    """The words of a string, and what other things lists of lists hold, one by one. Raises UnknownUnit for a comma within
    brackets, for a pair of numbers where they are not `of_layers`, and for things that say that they are no units."""
    words = getattr(units, "no_unit", "")
    if words:
        raise UnknownUnit(words)
    if isinstance(units, str):
        if len(units) > _LONGEST:
            raise UnknownUnit(f"a text of {len(units)} characters names more units than any model has. Expected {_FORMS}.")
        _check_brackets(units)
        yield from (word for word in re.split(r"[,\s]+", units.strip()) if word)
    elif isinstance(units, Iterable):
        if not of_layers:
            _check_no_pair(units)
        for item in sorted(units, key=str) if isinstance(units, set | frozenset) else units:  # a set has no order
            yield from unit_words(item, of_layers=of_layers)
    else:
        yield units


def _check_brackets(words: str) -> None:
    found = re.search(r"\[([^\[\]]*[,\s][^\[\]]*)\]", words)
    if found is not None:
        what = re.split(r"[,\s]", words[: found.start()])[-1]
        numbers = re.split(r"[,\s]+", found[1].strip())
        each = ", ".join(f"{what}[{number}]" for number in numbers)
        raise UnknownUnit(
            f"{shown(words)} has a comma or a space in its brackets, which hold one number or a run. Write {each!r}, or "
            f"'{what}[{numbers[0]}-{numbers[-1]}]' for all from the first to the last."
        )


def _check_no_pair(units: Iterable[Any]) -> None:
    if isinstance(units, tuple | list) and len(units) == 2 and all(type(each) is int for each in units):
        raise UnknownUnit(f"{units!r} is not a unit. Did you mean 'L{units[0]}H{units[1]}'? Units are given as text.")


def names_a_unit(word: str) -> bool:
    """Has it the form of one, be it there or not?"""
    return any(form.fullmatch(word) for form in (_NEURONS, _HEADS, _LAYERS))


def compact(words: Iterable[str]) -> list[str]:
    """Names with runs of a layer's neurons, `L3.mlp[4], L3.mlp[5]`, as `L3.mlp[4-5]`, and runs of layers as `L0-29.attn`."""
    found: list[str] = []
    for word in words:
        joined = _joined(found[-1], word) if found else None
        if joined is None:
            found.append(word)
        else:
            found[-1] = joined
    return found


def _joined(before: str, word: str) -> str | None:
    """Both names in one, where the second follows the first."""
    if (one := _NEURONS.fullmatch(before)) and (two := _NEURONS.fullmatch(word)):
        follows = one[1] == two[1] and int(two[2]) == int(one[3] or one[2]) + 1
        return f"L{one[1]}.mlp[{one[2]}-{two[2]}]" if follows else None
    if (one := _LAYERS.fullmatch(before)) and (two := _LAYERS.fullmatch(word)):
        follows = one[3] == two[3] and int(two[1]) == int(one[2] or one[1]) + 1
        return f"L{one[1]}-{two[1]}.{one[3]}" if follows else None
    return None


def _parse(word: object, architecture: Architecture) -> list[Unit]:
    if isinstance(word, Unit):
        return [word]
    if not isinstance(word, str):  # asked first: whether something is a UnitSource takes Python a while
        if isinstance(word, UnitSource):
            return list(word.resolve(architecture))
        raise UnknownUnit(f"{shown(word)} is not a unit. Expected {_FORMS}.")
    if match := _NEURONS.fullmatch(word):
        layer, first, last = int(match[1]), int(match[2]), int(match[3] or match[2])
        _check(Neuron(layer, last), architecture)
        return [Neuron(layer, index) for index in _span(word, first, last)]
    if match := _HEADS.fullmatch(word):
        layer, first, last = int(match[1]), int(match[2]), int(match[3] or match[2])
        _check(Head(layer, last), architecture)
        return [Head(layer, head) for head in _span(word, first, last)]
    if match := _LAYERS.fullmatch(word):
        kind = AttnLayer if match[3] == "attn" else MlpLayer
        first, last = int(match[1]), int(match[2] or match[1])
        _check(kind(last), architecture)
        return [kind(layer) for layer in _span(word, first, last)]
    raise UnknownUnit(f"{shown(word)} is not a unit.{meant_unit(word)} Expected {_FORMS}.")


def meant_unit(word: str) -> str:
    """A suggestion for what other tools, papers and slips call heads and layers."""
    if match := re.fullmatch(r"[lLaA]?(\d+)[.:]?[hH]?(\d+)", word):
        return f" Did you mean 'L{match[1]}H{match[2]}'?"
    if match := re.fullmatch(r"[hH](\d+)[.:]?[lL](\d+)", word):
        return f" Did you mean 'L{match[2]}H{match[1]}'?"
    if match := re.fullmatch(r"[lL](\d+(?:-\d+)?)", word):
        return f" Did you mean 'L{match[1]}.attn', 'L{match[1]}.mlp' or a site, as 'L{match[1]}.resid_post'?"
    if match := re.match(r"blocks\.(\d+)\.(attn|mlp|hook_mlp)", word):
        layer, part = match[1], match[2].removeprefix("hook_")
        one = f"'L{layer}H0' (one head)" if part == "attn" else f"'L{layer}.mlp[0]' (one neuron)"
        return f" Did you mean 'L{layer}.{part}' (the layer) or {one}?"
    return ""


def _span(word: str, first: int, last: int) -> range:
    if last < first:
        raise UnknownUnit(f"{shown(word)} counts backwards: write the smaller number first.")
    return range(first, last + 1)


def _check(unit: Unit, architecture: Architecture) -> None:
    there = unit.layer in range(architecture.n_layers)
    if isinstance(unit, MlpLayer | Neuron):
        there = there and not architecture.attn_only
    if isinstance(unit, Head):
        there = there and unit.head in range(architecture.n_heads)
    if isinstance(unit, Neuron) and architecture.d_mlp is not None:
        there = there and unit.index in range(architecture.d_mlp)
    if not there:
        raise UnknownUnit(f"{unit} does not exist: this model has {architecture.describe()}.")
