"""The axes of a sweep: a name, and coordinates in an order."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadSweep, after_reload
from circuitcheck.given import refuse_set
from circuitcheck.places import UnitSet
from circuitcheck.text import counted, shown, suggestion

_NAME = re.compile(r"[^\W\d]\w*")
_LAYERS = re.compile(r"L(\d{1,4})-(\d{1,4})")


@dataclass(frozen=True)
class Axis:
    """`values` are given to the sweep's function one by one; `words` are what they are called, each different."""

    name: str
    values: tuple[Any, ...]
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def place(self, coordinate: object) -> int:
        """The number of a coordinate, given by its value or its words. Raises BadSweep."""
        word = coordinate if isinstance(coordinate, str) else str(coordinate)
        if word not in self.words:
            raise BadSweep(
                f"the axis {self.name!r} has no {shown(coordinate)}; it has {_listed(self.words)}."
                f"{suggestion(word, self.words)}"
            )
        return self.words.index(word)


@known_arguments
def axis(name: str, values: str | Iterable[Any]) -> Axis:
    """A named axis of a sweep. `values` are texts such as "L0-3" (the layers L0 to L3) or "END, S2", or any list of
    coordinates with different words: layers, positions, heads, kinds of ablation, models. Each is handed to the sweep's
    function as it is.

    Raises BadSweep for no values, or two that read the same.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadSweep(f"axis({shown(name)}, ...): expected a name of letters, such as 'layer'.")
    if isinstance(values, UnitSet):
        raise BadSweep(
            f"axis({name!r}, {values}): which units these are depends on the model: give "
            f"{values}.resolve(model.architecture)."
        )
    refuse_set(f"axis({name!r}, values): values", values, BadSweep)
    if isinstance(values, str):
        found: tuple[Any, ...] = tuple(word for part in values.split(",") if part.strip() for word in _spelt(part.strip()))
    elif isinstance(values, Iterable):
        found = tuple(values)
    else:
        raise BadSweep(f"axis({name!r}, {shown(values)}): expected a list of coordinates, or text such as 'L0-3'.")
    words = tuple(map(str, found))
    twice = sorted({word for word in words if words.count(word) > 1})
    if not found or twice:
        problem = f"has {', '.join(twice)} more than once" if twice else "is empty"
        raise BadSweep(f"the axis {name!r} {problem}: expected coordinates, each of them once.{after_reload(values)}")
    return Axis(name, found, words)


def place_of(axes: tuple[Axis, ...], coordinates: Any) -> tuple[int, ...]:
    """The numbers of one coordinate of each axis, in their order; of a single axis, the coordinate itself. Raises
    BadSweep."""
    given = coordinates if isinstance(coordinates, tuple) and len(axes) > 1 else (coordinates,)
    if len(given) != len(axes):
        raise BadSweep(
            f"{shown(coordinates)} are {counted(len(given), 'coordinate')}; expected one of each axis: "
            f"{', '.join(each.name for each in axes)}."
        )
    return tuple(each.place(coordinate) for each, coordinate in zip(axes, given, strict=True))


def coordinates_of(axes: tuple[Axis, ...], place: Sequence[int]) -> tuple[str, ...]:
    """The words of a place on the axes."""
    return tuple(each.words[number] for each, number in zip(axes, place, strict=True))


def check_axes(axes: tuple[object, ...]) -> tuple[Axis, ...]:
    """Raises BadSweep for no axes, what is none, or two of one name."""
    for each in axes:
        if not isinstance(each, Axis):
            raise BadSweep(f"{shown(each)} is no axis; expected cc.axis('layer', 'L0-3'), each by its own.")
    found = tuple(each for each in axes if isinstance(each, Axis))
    names = [each.name for each in found]
    if not found or len(set(names)) < len(names):
        problem = f"two axes are called {max(names, key=names.count)!r}" if found else "there is no axis"
        raise BadSweep(
            f"sweep(function, *axes): {problem}; expected one or more, of different names: cc.axis('layer', 'L0-3')."
        )
    return found


def _spelt(word: str) -> list[str]:
    """L0-3 as its layers; any other word as it is."""
    layers = _LAYERS.fullmatch(word)
    return [f"L{n}" for n in range(int(layers[1]), int(layers[2]) + 1)] if layers else [word]


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words) if len(words) <= 12 else f"{', '.join(words[:10])}, ... {words[-1]}"
