"""A sweep: one number for each combination of coordinates of some axes, all on the same prompts."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Protocol, Self

import numpy as np

from circuitcheck.arguments import known_arguments
from circuitcheck.digest import digest
from circuitcheck.errors import BadSweep, BadTask, after_reload
from circuitcheck.given import checked_number, checked_whole
from circuitcheck.notices import say_once
from circuitcheck.prompts import PromptSource, PromptStream, Stream
from circuitcheck.quantities.looking import check_something_to_look_at
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.questions.chosen import mirrored_prompts
from circuitcheck.quantities.questions.conditions import Conditions, conditions_of, find_noise
from circuitcheck.quantities.questions.history import note_looked
from circuitcheck.quantities.questions.question import current_recorder
from circuitcheck.quantities.sweeps.axis import Axis, check_axes, coordinates_of, place_of
from circuitcheck.quantities.sweeps.cells import Coordinates, Origin, fields_of
from circuitcheck.quantities.sweeps.effects import Effect, effect_of
from circuitcheck.quantities.sweeps.grid import Grid
from circuitcheck.quantities.sweeps.judging import judge_cells
from circuitcheck.quantities.sweeps.measuring import measure_cells
from circuitcheck.sampling import Noise
from circuitcheck.session import current_session
from circuitcheck.text import counted, shown

_MOST = 20_000  # cells: more are a slip, or take days


class SweptTask(Protocol):
    """What a sweep knows of a task."""

    @property
    def name(self) -> str: ...
    @property
    def definition(self) -> PromptSource: ...
    @property
    def stream(self) -> Stream: ...
    def on_stream(self, stream: Stream) -> Self: ...


@dataclass(frozen=True, eq=False)
class Sweep:
    """`function(task, *coordinates)` gives the quantity of each cell. `null` says what a cell is that does nothing.

    `sweep["L2", "END"]` is a cell's quantity, to look at and to claim something of; `estimate` measures all of them.
    """

    task: SweptTask
    function: Callable[..., Any]
    axes: tuple[Axis, ...]
    null: object = "untouched"
    title: str = ""
    code: str = field(default="", repr=False)  # an expression that makes it, of names in a claim

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise BadSweep(
                f"sweep({shown(self.function)}): expected a function of the task and one coordinate of each axis."
            )
        check_axes(self.axes)
        if len(self) > _MOST:
            raise BadSweep(f"{self.shape} are {len(self):,} cells; expected {_MOST:,} at most: sweep in two steps.")

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.axes))

    def on_stream(self, stream: Stream) -> "Sweep":
        """The same cells on another stream. Raises BadTask."""
        return replace(self, task=self.task.on_stream(stream))

    def __getitem__(self, coordinates: Coordinates) -> Quantity:
        """The quantity of one cell, named by a coordinate of each axis in their order. Raises BadSweep."""
        return self._cell(place_of(self.axes, coordinates))

    @known_arguments
    def estimate(self, n: int, *, confidence: float = 0.95) -> Grid:
        """All cells on the first `n` prompts, of the discovery stream unless `on_stream` says otherwise, with intervals and
        marks that hold for all cells together.

        A cell whose intervention changed no prompt is called vacuous, and has no number. Raises BadSweep for cells that are
        the same number or on other prompts, NotComparable, BadTask, ValueError for a confidence outside (0.5, 1).
        """
        n = checked_whole("estimate(): n", n, BadTask, 2)
        level = checked_number("confidence", confidence, ValueError, "a number such as 0.95")
        if not 0.5 < level < 1:
            raise ValueError(f"confidence {confidence} is outside (0.5, 1); 0.95 is usual.")
        asked = self._cells()
        quantities = [_looked_at(each) for each in asked]
        effects = [effect_of(each, self._null_of(each)) for each in quantities]
        where = quantities[0].prompts
        if where.stream != asked[0].prompts.stream:
            _say_where(where, quantities[0])
        cells = [cell for each, effect in zip(quantities, effects, strict=True) for cell in _all(each, effect)]
        measured = measure_cells(where, cells, n, f"sweep of {self.described}")
        for warning in mirrored_prompts(quantities[0], n):
            say_once(f"{where.task.name}: {warning}.")
        for each in quantities:
            note_looked(current_session(), each)
        judged = judge_cells(quantities, effects, measured, _conditions(quantities), level)
        return Grid(
            axes=self.axes,
            origin=self._origin(quantities, effects, n, level),
            labels=tuple(each.label for each in quantities),
            parts=_own_parts(quantities),
            sweep=self,
            **fields_of(judged, self.shape),
        )

    def _origin(self, quantities: Sequence[Quantity], effects: Sequence[Effect], n: int, confidence: float) -> Origin:
        where = quantities[0].prompts
        return Origin(
            task=where.task.name,
            prompts=where.task.digest,
            stream=where.stream,
            seed=where.seed,
            n=n,
            confidence=confidence,
            models=tuple(dict.fromkeys(str(model) for each in quantities for model in each.models)),
            sweep=self._digest(quantities, effects),
            title=self.title or self._titled(quantities[0].label),
            example=quantities[0].label,
            code=self.code,
        )

    @property
    def described(self) -> str:
        return " x ".join(f"{axis.name} ({len(axis)})" for axis in self.axes)

    def __repr__(self) -> str:
        return f"<sweep of {self.described} over task {self.task.name}: {counted(len(self), 'cell')}, not measured>"

    def _cells(self) -> tuple[Quantity, ...]:
        """In the order of the axes, the last changing first; made anew, since the session says which prompts they are on.
        Raises BadSweep for two that are the same."""
        places = list(product(*map(range, self.shape)))
        found = [self._cell(each) for each in places]
        known: dict[str, tuple[int, ...]] = {}
        for place, quantity in zip(places, found, strict=True):
            if quantity.prompts != found[0].prompts:
                raise BadSweep(
                    f"the cells {self._named(places[0])} and {self._named(place)} are on other prompts ({found[0].prompts}; "
                    f"{quantity.prompts}): use the task that the function is given."
                )
            same = known.setdefault(quantity.digest, place)
            if same != place:
                raise BadSweep(
                    f"the cells {self._named(same)} and {self._named(place)} are the same number, {quantity.label}: the "
                    f"function has to use the coordinates of every axis."
                )
        return tuple(found)

    def _cell(self, place: tuple[int, ...]) -> Quantity:
        coordinates = [axis.values[number] for axis, number in zip(self.axes, place, strict=True)]
        found = self.function(self.task, *coordinates)
        if not isinstance(found, Quantity):
            raise BadSweep(
                f"the function gave {shown(found)} at {self._named(place)}; expected a quantity that is not measured yet, "
                f"such as task.recovered(view).{after_reload(found)}"
            )
        if (found.prompts.task.digest, found.prompts.stream) != (self.task.definition.digest, self.task.stream):
            raise BadSweep(
                f"the cell {self._named(place)} is on {found.prompts}, and this sweep on the {self.task.stream} stream of "
                f"{self.task.name}: use the task that the function is given, its first argument."
            )
        return found

    def _titled(self, label: str) -> str:
        """The words of the first cell with the names of the axes for its coordinates, as far as these are no numbers."""
        for axis in self.axes:
            if not axis.words[0][:1].isalpha():
                continue
            label = re.sub(rf"(?<![\w]){re.escape(axis.words[0])}(?![0-9a-z_])", f"[{axis.name}]", label)
            label = label.replace(f"]{axis.words[0]}", f"][{axis.name}]")
        return label

    def _null_of(self, quantity: Quantity) -> object:
        if not isinstance(self.null, Quantity):
            return self.null
        if self.null.prompts.task.digest != self.task.definition.digest:
            raise BadSweep(f"null={self.null.label} is of task {self.null.prompts.task.name}; expected {self.task.name}.")
        return replace(self.null, prompts=quantity.prompts)

    def _named(self, place: tuple[int, ...]) -> str:
        return ", ".join(coordinates_of(self.axes, place))

    def _digest(self, quantities: Iterable[Quantity], effects: Iterable[Effect]) -> str:
        cells = tuple(
            (each.digest, effect.tested.digest, effect.at) for each, effect in zip(quantities, effects, strict=True)
        )
        return digest((tuple((axis.name, axis.words) for axis in self.axes), cells))


def _say_where(where: PromptStream, first: Quantity) -> None:
    """Raises BadTask where there is nothing to look at."""
    check_something_to_look_at(where, first.models[0])
    if current_recorder() is None:
        say_once(
            f"{where.task.name}: sweeps look at prompts of the {where.stream} stream, so that what they find can be claimed "
            "on prompts that nobody has seen. task.on_stream(...) says otherwise."
        )


def _looked_at(quantity: Quantity) -> Quantity:
    return replace(quantity, prompts=quantity.prompts.to_look_at())


def _all(quantity: Quantity, effect: Effect) -> list[Any]:
    without = () if effect.without is None else effect.without.cells
    return [*quantity.cells, *effect.tested.cells, *without]


def _conditions(quantities: Sequence[Quantity]) -> Conditions:
    """The noise floors of all cells; how prompts are grouped is the same for all."""
    session, found = current_session(), Conditions()
    find_noise(quantities[0].prompts, [cell for each in quantities for cell in each.cells])
    floors: dict[tuple[str, str], Noise] = {}
    for each in quantities:
        found = conditions_of(each, session.settings)
        floors.update(found.floors)
    return Conditions(floors, found.grouping)


def _own_parts(quantities: Sequence[Quantity]) -> tuple[tuple[str, ...], ...]:
    """What each cell's interventions are on, less what those of all cells are on."""
    found = [_parts_of(each) for each in quantities]
    shared = set(found[0]).intersection(*found[1:]) if len(found) > 1 else set()
    return tuple(tuple(part for part in each if part not in shared) for each in found)


def _parts_of(quantity: Quantity) -> tuple[str, ...]:
    """The heads, units or sites that a cell's interventions are on, in words."""
    made = [each for cell in quantity.cells for each in cell.view.interventions]
    parts = [str(part) for each in made for parts in each.part_sets for part in parts]
    return tuple(dict.fromkeys(parts or [site.words for each in made for site, _ in each.writes]))
