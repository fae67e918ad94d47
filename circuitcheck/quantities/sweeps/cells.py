"""What a sweep found: labelled numbers with intervals and marks that hold for all cells together."""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadSweep
from circuitcheck.given import checked_whole
from circuitcheck.quantities.questions.result_words import percent
from circuitcheck.quantities.sweeps.axis import Axis, coordinates_of, place_of
from circuitcheck.quantities.sweeps.found import Found
from circuitcheck.quantities.sweeps.judging import Judged
from circuitcheck.text import counted, shown

Coordinates = Any  # one of each axis: a tuple, or for a single axis the coordinate itself
_HEAD = re.compile(r"L\d+H\d+")
By = Literal["effect", "low", "high", "value", "p"]
_MISSING = "{what} needs {package}, which is not there: pip install {package}."


@dataclass(frozen=True)
class Origin:
    """Where a grid comes from: which prompts, models and cells. `prompts` is the digest of the task, `sweep` that of all
    cells; `example` is one of them in words; `code`, where it is known, an expression that makes the sweep in a claim."""

    task: str
    prompts: str
    stream: str
    seed: int
    n: int
    confidence: float
    models: tuple[str, ...]
    sweep: str
    title: str
    example: str
    code: str = ""


@dataclass(frozen=True, eq=False)
class GridCells:
    """Arrays with one entry for each cell, in the shape of the axes; `Grid` says what they are."""

    axes: tuple[Axis, ...]
    origin: Origin
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    nothing: NDArray[np.float64]
    p: NDArray[np.float64]
    rate: NDArray[np.float64]
    state: NDArray[np.str_]
    labels: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    method: str
    notes: tuple[str, ...] = ()
    looked_at: int = 0
    sweep: Any = field(default=None, repr=False)  # what it was made of, where that is in this process

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.axes))

    @property
    def cells(self) -> int:
        """How many were looked at; those of `only` are a part of them."""
        return self.looked_at or int(np.prod(self.shape))

    @property
    def effect(self) -> NDArray[np.float64]:
        return self.value - self.nothing

    @property
    def marks(self) -> NDArray[np.bool_]:
        marked: NDArray[np.bool_] = self.p <= 1 - self.origin.confidence
        return marked

    @property
    def rate_marks(self) -> NDArray[np.bool_]:
        marked: NDArray[np.bool_] = self.rate <= 1 - self.origin.confidence
        return marked

    def place(self, coordinates: Coordinates) -> tuple[int, ...]:
        """Where a cell is in the arrays. Raises BadSweep."""
        return place_of(self.axes, coordinates)

    def coordinates(self, place: Sequence[int]) -> tuple[str, ...]:
        return coordinates_of(self.axes, place)

    @known_arguments
    def top(self, k: int, *, by: By = "effect", marked: bool = True) -> Found:
        """The `k` cells with the largest effect, whatever its sign, of those that are marked (`marked=False`: of all that
        have a number); fewer where there are fewer. `by` may also be "value", "low" (the largest lower end), "high" (the
        smallest upper end) or "p".

        What it gives remembers where it was selected, and from how many. Raises BadSweep.
        """
        k = checked_whole("top(): k", k, BadSweep)
        if by not in get_args(By):
            raise BadSweep(f"top(by={shown(by)}): expected one of {', '.join(get_args(By))}.")
        order = {"effect": -np.abs(self.effect), "low": -self.low, "high": self.high, "value": -self.value, "p": self.p}[by]
        open_to = (self.marks if marked else np.full(self.shape, True)) & (self.state == "")
        flat = [int(each) for each in np.argsort(order.ravel(), kind="stable") if open_to.ravel()[each]][:k]
        places = tuple(tuple(map(int, np.unravel_index(each, self.shape))) for each in flat)
        return Found(
            cells=tuple(self.coordinates(each) for each in places),
            units=tuple(dict.fromkeys(part for each in flat for part in self._units(each))),
            values=tuple(float(self.value[each]) for each in places),
            stream=self.origin.stream,
            task=self.origin.task,
            of=self.cells,
            asked=k,
            sweep=self.origin.sweep,
            found_in=self.origin.models,
        )

    def _units(self, flat: int) -> tuple[str, ...]:
        """Of a cell whose interventions are on nothing of its own, the unit that its coordinates name."""
        place = tuple(map(int, np.unravel_index(flat, self.shape)))
        return self.parts[flat] or ((self.name(place),) if len(self.axes) == 1 or self._of_heads(place) else ())

    def name(self, place: tuple[int, ...]) -> str:
        """A cell's coordinates; of a layer and a head, the head."""
        return ("" if self._of_heads(place) else ", ").join(self.coordinates(place))

    def _of_heads(self, place: tuple[int, ...]) -> bool:
        words = self.coordinates(place)
        return len(words) == 2 and _HEAD.fullmatch("".join(words)) is not None

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each cell: its coordinates, and each array as a column. Raises ImportError where
        pandas is not there."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(_MISSING.format(what="to_frame()", package="pandas")) from error
        named = [self.coordinates(place) for place in np.ndindex(self.shape)]
        columns: dict[str, Any] = {axis.name: [each[n] for each in named] for n, axis in enumerate(self.axes)}
        return pd.DataFrame(columns | {name: array.ravel() for name, array in self._arrays().items()})

    def to_csv(self) -> str:
        """The same as text, a line for each cell. NaN and infinities are written as Python does."""
        text, arrays = StringIO(), self._arrays()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow([*(axis.name for axis in self.axes), *arrays])
        for place in np.ndindex(self.shape):
            lines.writerow([*self.coordinates(place), *(array[place].item() for array in arrays.values())])
        return text.getvalue()

    def to_xarray(self) -> Any:
        """An xarray Dataset of the same arrays over the axes. Raises ImportError where xarray is not there."""
        try:
            import xarray as xr
        except ImportError as error:
            raise ImportError(_MISSING.format(what="to_xarray()", package="xarray")) from error
        names = tuple(axis.name for axis in self.axes)
        held = {name: (names, array) for name, array in self._arrays().items()}
        return xr.Dataset(held, {axis.name: list(axis.words) for axis in self.axes}, {"title": self.origin.title})

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "nothing": self.nothing,
            "effect": self.effect,
            "marked": self.marks,
            "rate_marked": self.rate_marks,
            "p": self.p,
            "rate": self.rate,
            "state": self.state,
        }

    def says(self, place: tuple[int, ...]) -> str:
        """One cell in words."""
        name, state, value = ", ".join(self.coordinates(place)), str(self.state[place]), float(self.value[place])
        if state == "vacuous":
            return f"{name}: nothing was changed here"
        if state == "no number" or math.isnan(value):
            return f"{name}: no finite number"
        if state:
            return f"{name}: {value:.3g}, without an interval ({state})"
        marked = "marked" if self.marks[place] else "not marked"
        return f"{name}: {value:.3g}, interval [{self.low[place]:.3g}, {self.high[place]:.3g}], {marked}"

    def summary(self) -> tuple[str, ...]:
        """What a reader of a picture must know, in sentences."""
        made, marked = self.origin, int(self.marks.sum())
        states = {state: int((self.state == state).sum()) for state in _STATES}
        told = "; ".join(f"{count} {_STATES[state]}" for state, count in states.items() if count)
        return (
            f"{counted(self.cells, 'cell')} looked at on {counted(made.n, 'prompt')} of {made.task} ({made.stream} stream), "
            f"{', '.join(made.models)}.",
            f"{counted(marked, 'cell')} marked: with {percent(made.confidence)} confidence none of these does nothing "
            f"({self.method}); by rate {int(self.rate_marks.sum())} (Benjamini-Yekutieli). Intervals hold for all cells at "
            "once." + (f" Without a number to judge: {told}." if told else ""),
            f"A cell is, for example, {made.example}. Sweep {made.sweep[:12]}.",
        )

    def __repr__(self) -> str:
        return f"<grid {self.origin.title}: {' '.join(self.summary())}>"


def fields_of(judged: Judged, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a grid of this shape has of what its cells came to."""
    return {
        "value": judged.value.reshape(shape),
        "low": judged.low.reshape(shape),
        "high": judged.high.reshape(shape),
        "nothing": judged.nothing.reshape(shape),
        "p": judged.family.reshape(shape),
        "rate": judged.rate.reshape(shape),
        "state": np.array(judged.state, dtype=str).reshape(shape),
        "method": judged.method,
        "notes": tuple(judged.notes),
    }


_STATES = {
    "vacuous": "vacuous (nothing was changed)",
    "no number": "not finite on some prompt",
    "alike": "the same on too many prompts to be told",
    "undefined": "divided by what is not shown to be above 0",
}
