"""Units as sets: union, difference, intersection and complement, worked out for a model when they are used on one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from circuitcheck.errors import UnknownPosition, UnknownUnit
from circuitcheck.places.positions import AllBut, At, Position, parse_at
from circuitcheck.places.units import Architecture, AttnLayer, Head, MlpLayer, Neuron, Unit, parse_units, unit_words
from circuitcheck.text import shown

Found = frozenset[Unit]
Kinds = frozenset[type]


@dataclass(frozen=True)
class UnitSet:
    """A set of units of whatever model it is used on. `a | b`, `a & b` and `a - b` are what they say; `~a` is every
    other unit of the kinds that `a` names: of a set of heads all other heads, of heads and MLP layers all other heads
    and MLP layers. No layer is in `~a` of which `a` has a part, and no part of a layer that `a` has.
    """

    words: str
    _find: Callable[[Architecture], Found]
    _kinds_in: Callable[[Architecture], Kinds]

    def resolve(self, architecture: Architecture) -> tuple[Unit, ...]:
        """In sorted order. Raises UnknownUnit for an empty set, or units that the model does not have."""
        found = self._find(architecture)
        if not found:
            raise UnknownUnit(f"no unit of this model is in {self.words}: an intervention on nothing changes nothing.")
        return parse_units(list(found), architecture)

    def __or__(self, other: "UnitSet") -> "UnitSet":
        return self._with(other, "|", frozenset.union)

    def __and__(self, other: "UnitSet") -> "UnitSet":
        return self._with(other, "&", frozenset.intersection)

    def __sub__(self, other: "UnitSet") -> "UnitSet":
        return self._with(other, "-", frozenset.difference)

    def __invert__(self) -> "UnitSet":
        def others(model: Architecture) -> Found:
            kept = self._find(model)
            inside = _Inside(kept)
            return frozenset(unit for unit in _universe(self.kinds(model), model) if not inside.touching(unit))

        return UnitSet(f"~{self.words}", others, self.kinds)

    def kinds(self, architecture: Architecture) -> Kinds:
        """The kinds of units that it names."""
        return self._kinds_in(architecture)

    def _with(self, other: "UnitSet", sign: str, operation: Callable[[Found, Found], Found]) -> "UnitSet":
        if not isinstance(other, UnitSet):
            return NotImplemented
        return UnitSet(
            f"({self.words} {sign} {other.words})",
            lambda model: operation(self._find(model), other._find(model)),
            lambda model: self.kinds(model) | other.kinds(model),
        )

    def __repr__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Circuit:
    """Units by position: each set acts at the tokens that it is named with. `~circuit` is every other unit of those kinds at
    each token: what a circuit holds at one token counts as outside of it at all others. With a unit its layer is spared
    there, and with a layer its parts."""

    places: tuple[tuple[tuple[Position, ...], UnitSet], ...]
    inverted: bool = False

    def __invert__(self) -> "Circuit":
        return replace(self, inverted=not self.inverted)

    def groups(self, architecture: Architecture) -> list[tuple[tuple[Unit, ...], At]]:
        """Units with the positions at which they are inside (or outside, if inverted), disjoint. Raises UnknownUnit."""
        kept: dict[Unit, list[Position]] = {}
        for positions, units in self.places:
            for unit in units.resolve(architecture):
                kept.setdefault(unit, []).extend(positions)
        if not self.inverted:
            return _gathered((unit, tuple(dict.fromkeys(found))) for unit, found in kept.items())
        kinds = frozenset(kind for _, units in self.places for kind in units.kinds(architecture))
        everything = parse_units(list(_universe(kinds, architecture)), architecture)
        inside = _Inside(kept)
        spared = {unit: [position for each in inside.touching(unit) for position in kept[each]] for unit in everything}
        return _gathered((unit, AllBut(tuple(dict.fromkeys(found))) if found else None) for unit, found in spared.items())

    def __repr__(self) -> str:
        shown = ", ".join(f"{', '.join(map(str, at))}: {units}" for at, units in self.places)
        return f"{'~' if self.inverted else ''}circuit({{{shown}}})"


class _Inside:
    """Which of some units overlap with another: the same one, a layer that it is in, or a part of it."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units = frozenset(units)
        self._parts: dict[Unit, list[Unit]] = {}
        for unit in sorted(self._units, key=str):
            self._parts.setdefault(_whole(unit), []).append(unit)

    def touching(self, unit: Unit) -> list[Unit]:
        whole = _whole(unit)
        if unit == whole:
            return self._parts.get(whole, [])
        return [each for each in (unit, whole) if each in self._units]


def _whole(unit: Unit) -> AttnLayer | MlpLayer:
    """The layer that a unit is, or is a part of."""
    return AttnLayer(unit.layer) if isinstance(unit, Head | AttnLayer) else MlpLayer(unit.layer)


def _gathered(pairs: Iterable[tuple[Unit, At]]) -> list[tuple[tuple[Unit, ...], At]]:
    groups: dict[At, list[Unit]] = {}
    for unit, at in pairs:
        groups.setdefault(at, []).append(unit)
    return [(tuple(units), at) for at, units in groups.items()]


def circuit(places: Mapping[str, "UnitSet | str"]) -> Circuit:
    """A circuit position by position, such as `circuit({"END": "L9H9, L10H0", "S2": cc.heads("L7H3")})`; words are heads.

    `model.ablate(~circuit, ...)` asks whether it is sufficient, `model.ablate(circuit, ...)` whether it is necessary.

    Raises UnknownUnit for no places, UnknownPosition for words that are no positions.
    """
    if not isinstance(places, Mapping):
        raise UnknownUnit(f"circuit({shown(places)}): expected units by position, {{'END': 'L9H9'}}.")
    if not places or None in places.values():
        raise UnknownUnit("a circuit without places is empty: name positions and units, {'END': 'L9H9'}.")
    found = []
    for at, units in places.items():
        positions = parse_at(at)
        if not isinstance(positions, tuple):
            raise UnknownPosition(f"{shown(at)} names no positions.")
        if not isinstance(units, UnitSet) and not list(unit_words(units)):
            raise UnknownUnit(f"circuit(...) has no units at {at}: name some, {{'END': 'L9H9'}}, or leave {at} out.")
        found.append((positions, units if isinstance(units, UnitSet) else heads(units)))
    return Circuit(tuple(found))


def heads(units: str | Unit | Iterable[str | Unit] | None = None) -> UnitSet:
    """A set of heads, such as `heads("L9H9, L10H0-3")`; all of a model's without an argument. Raises UnknownUnit, when it is
    used, for words that are no heads."""
    return _named(units, "heads", (Head,))


def neurons(units: str | Unit | Iterable[str | Unit] | None = None) -> UnitSet:
    """A set of MLP neurons, such as `neurons("L3.mlp[4-9]")`; all of a model's without an argument."""
    return _named(units, "neurons", (Neuron,))


def layers(units: str | Unit | Iterable[str | Unit] | None = None) -> UnitSet:
    """A set of attention and MLP layers, such as `layers("L3.attn, L0-2.mlp")`; all of a model's without an argument."""
    return _named(units, "layers", (AttnLayer, MlpLayer))


def _named(units: Any, name: str, kinds: tuple[type, ...]) -> UnitSet:
    if units is None:
        return UnitSet(f"all {name}", lambda model: _universe(frozenset(kinds), model), lambda _: frozenset(kinds))
    words = tuple(unit_words(units))  # a generator could be read only once
    shown = f"{name}({', '.join(map(str, words))})"

    def find(model: Architecture) -> Found:
        found = parse_units(words, model)
        strangers = [str(unit) for unit in found if not isinstance(unit, kinds)]
        if strangers:
            raise UnknownUnit(f"{', '.join(strangers)} in {shown}: expected {name} alone.")
        return frozenset(found)

    return UnitSet(shown, find, lambda model: frozenset(type(unit) for unit in find(model)))


def _universe(kinds: Kinds, model: Architecture) -> Found:
    found: list[Unit] = []
    for layer in range(model.n_layers):
        if Head in kinds:
            found += [Head(layer, head) for head in range(model.n_heads)]
        if AttnLayer in kinds:
            found.append(AttnLayer(layer))
        if MlpLayer in kinds and not model.attn_only:
            found.append(MlpLayer(layer))
        if Neuron in kinds:
            found += [Neuron(layer, index) for index in range(model.d_mlp or 0)]
    return frozenset(found)
