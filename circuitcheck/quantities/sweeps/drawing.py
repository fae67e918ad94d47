"""Grids as pictures."""

from typing import Literal, get_args

import numpy as np

from circuitcheck.errors import BadSweep
from circuitcheck.pictures import Bar, Dot, MapCell, Picture, bars, heat_map, profile, scatter
from circuitcheck.quantities.sweeps.cells import GridCells
from circuitcheck.text import counted, shown

_MOST_BARS = 60
_UNIT = "difference from what a cell is that does nothing"
PictureKind = Literal["map", "bars", "profile"]


def draw(grid: GridCells, kind: PictureKind | None = None) -> Picture:
    """A map of two axes, bars of one; `kind` may say "profile" for one axis that has an order. Raises BadSweep."""
    if kind is None:
        kind = "map" if len(grid.axes) == 2 else "bars"
    wanted = {"map": 2, "bars": 1, "profile": 1}.get(kind)
    if wanted is None:
        raise BadSweep(f"plot(kind={shown(kind)}): expected one of {', '.join(get_args(PictureKind))}.")
    if len(grid.axes) != wanted:
        names = ", ".join(axis.name for axis in grid.axes)
        raise BadSweep(
            f"a picture of kind {kind!r} has {counted(wanted, 'axis')}, and this grid {len(grid.axes)} ({names}): choose a "
            f"coordinate of the others, grid.only({grid.axes[-1].name}={grid.axes[-1].words[0]!r})."
        )
    if kind == "map":
        return Picture(_map(grid))
    start = _start(grid)
    title, notes, given = grid.origin.title, list(grid.summary()), _bars(grid)
    unit = f"bars begin at {start:.3g}, what a cell is that does nothing; lines are intervals; full: marked, bold names"
    if kind == "profile":
        unit = f"the line is at {start:.3g}, what a cell is that does nothing; full dots: marked; upright lines: intervals"
        return Picture(profile(given, axis=grid.axes[0].name, title=title, unit=unit, start=start, notes=notes))
    if len(given) > _MOST_BARS:
        order = sorted(range(len(given)), key=lambda n: -abs((given[n].value or start) - start))[:_MOST_BARS]
        notes.insert(0, f"The {_MOST_BARS} of {len(given)} with the largest effect are shown, in the order of the axis.")
        given = [given[n] for n in sorted(order)]
    return Picture(bars(given, title=title, unit=unit, start=start, notes=notes))


def draw_against(across: GridCells, up: GridCells) -> Picture:
    """A dot for each cell of two grids of the same cells and prompts, named where it is marked in `up`. Raises BadSweep."""
    _check_same(across, up)
    dots = [
        Dot(
            up.name(place),
            float(across.value[place]),
            float(up.value[place]),
            float(up.effect[place]),
            bool(_sure(up)[place]),
            f"{across.says(place)}; {up.says(place)}",
        )
        for place in np.ndindex(up.shape)
        if np.isfinite(across.value[place]) and np.isfinite(up.value[place])
    ]
    if not dots:
        raise BadSweep("no cell of these two grids has a number in both: there is nothing to draw.")
    titles = across.origin.title, up.origin.title
    nothing = _start(across), _start(up)
    notes = [f"Across: {titles[0]}. {' '.join(across.summary()[:2])}", f"Up: {titles[1]}. {' '.join(up.summary()[:2])}"]
    return Picture(scatter(dots, title=f"{titles[1]} against {titles[0]}", axes=titles, nothing=nothing, notes=notes))


def _check_same(across: GridCells, up: GridCells) -> None:
    """Raises BadSweep for grids of other cells, prompts or models."""
    told = {
        "cells": [" x ".join(axis.name for axis in each.axes) for each in (across, up)],
        "prompts": [f"{made.task}, {made.stream}, seed {made.seed}, {made.n}" for made in (across.origin, up.origin)],
        "models": [", ".join(each.origin.models) for each in (across, up)],
    }
    alike = {
        "cells": [axis.words for axis in across.axes] == [axis.words for axis in up.axes],
        "prompts": told["prompts"][0] == told["prompts"][1] and across.origin.prompts == up.origin.prompts,
        "models": across.origin.models == up.origin.models,
    }
    for what, same in alike.items():
        if not same:
            raise BadSweep(
                f"two grids of other {what} ({told[what][0]}; {told[what][1]}) cannot be drawn against each other: expected "
                f"the same axes, prompts and models."
            )


def _map(grid: GridCells) -> str:
    sure = _sure(grid)
    cells = [
        [_map_cell(grid, (row, column), sure=bool(sure[row, column])) for column in range(grid.shape[1])]
        for row in range(grid.shape[0])
    ]
    nothing = grid.nothing[np.isfinite(grid.nothing)]
    at = f", {nothing[0]:.3g}" if len(nothing) and np.ptp(nothing) < 1e-9 else ""
    return heat_map(
        cells,
        rows=grid.axes[0].words,
        columns=grid.axes[1].words,
        axes=(grid.axes[0].name, grid.axes[1].name),
        title=grid.origin.title,
        unit=f"{_UNIT}{at}",
        notes=grid.summary(),
    )


def _map_cell(grid: GridCells, place: tuple[int, int], *, sure: bool) -> MapCell:
    state, effect = str(grid.state[place]), float(grid.effect[place])
    number = None if state in ("no number", "undefined") or not np.isfinite(effect) else effect
    return MapCell(number, bool(grid.marks[place]), sure, state == "vacuous", grid.says(place))


def _sure(grid: GridCells) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Marked, with an interval that leaves out what a cell is that does nothing."""
    with np.errstate(invalid="ignore"):
        outside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (grid.low > grid.nothing) | (grid.high < grid.nothing)
    return grid.marks & outside


def _bars(grid: GridCells) -> list[Bar]:
    sure = _sure(grid)
    return [
        Bar(
            grid.name(place),
            float(grid.value[place]) if _has_number(grid, place) else None,
            float(grid.low[place]),
            float(grid.high[place]),
            bool(sure[place]),
            grid.says(place),
        )
        for place in np.ndindex(grid.shape)
    ]


def _has_number(grid: GridCells, place: tuple[int, ...]) -> bool:
    return bool(np.isfinite(grid.value[place])) and str(grid.state[place]) != "undefined"


def _start(grid: GridCells) -> float:
    """What a cell is that does nothing: of bars with several, 0 would be none of them, and so it is their mean."""
    nothing = grid.nothing[np.isfinite(grid.nothing)]
    return float(nothing.mean()) if len(nothing) else 0.0
