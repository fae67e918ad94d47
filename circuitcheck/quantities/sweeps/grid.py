"""Grids as a user holds them: numbers to look at, to draw, to keep, and to make claims of."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import NoReturn

import numpy as np

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadSweep
from circuitcheck.pictures import Picture
from circuitcheck.quantities.questions.html import escape_code
from circuitcheck.quantities.sweeps.axis import place_of
from circuitcheck.quantities.sweeps.cells import Coordinates, GridCells
from circuitcheck.quantities.sweeps.drawing import PictureKind, draw, draw_against
from circuitcheck.quantities.sweeps.files import read_cells, write_cells
from circuitcheck.quantities.sweeps.writing import Written, write_claims
from circuitcheck.text import shown


class Grid(GridCells):
    """What a sweep found, as arrays in the shape of its axes.

    `value` is a cell's number, NaN where there is none; `low` and `high` its interval, which holds for all cells at once;
    `nothing` what the number is where nothing is done, and `effect` the distance from it. `marks` are cells whose effect is
    not 0: all of them together err with probability 1 - confidence at most. `rate_marks` are cells of which that share is
    wrong on average (Benjamini & Yekutieli). `p` and `rate` are the adjusted p-values of both, `cells` how many were looked
    at. `state` is empty, or why a cell has no interval: "vacuous" (its intervention changed no prompt), "no number" (a value
    was not finite), "alike" (too many prompts have the same value), "undefined" (what a ratio is divided by is not shown to
    be above 0).
    """

    def __getitem__(self, coordinates: Coordinates) -> NoReturn:
        """A grid holds arrays. Raises BadSweep, with the place of a cell in them."""
        place = list(place_of(self.axes, coordinates))
        raise BadSweep(
            f"grid[{shown(coordinates)}]: a grid holds arrays in the shape of its axes. This cell is grid.value{place}, its "
            f"interval grid.low{place} to grid.high{place}; grid.only(...) is a part of a grid."
        )

    __iter__ = None  # it has arrays, and is none

    def only(self, **chosen: object) -> "Grid":
        """The cells with these coordinates, over the axes that are left. Marks and intervals stay those of all cells.
        Raises BadSweep for an axis that there is not, or none that is left."""
        names = [axis.name for axis in self.axes]
        unknown = [name for name in chosen if name not in names]
        if unknown or len(chosen) >= len(names):
            raise BadSweep(
                f"only({', '.join(chosen)}): expected coordinates of some of the axes {', '.join(names)}, and one axis left."
            )
        where = tuple(axis.place(chosen[axis.name]) if axis.name in chosen else slice(None) for axis in self.axes)
        flat = np.arange(len(self.labels)).reshape(self.shape)[where].ravel()
        arrays = {name: getattr(self, name)[where] for name in ("value", "low", "high", "nothing", "p", "rate", "state")}
        said = ", ".join(f"{name} {value}" for name, value in chosen.items())
        return replace(
            self,
            axes=tuple(axis for axis in self.axes if axis.name not in chosen),
            origin=replace(self.origin, title=f"{self.origin.title}, {said}", code=""),
            labels=tuple(self.labels[n] for n in flat),
            parts=tuple(self.parts[n] for n in flat),
            looked_at=self.cells,
            sweep=None,
            **arrays,
        )

    @known_arguments
    def plot(self, kind: PictureKind | None = None) -> Picture:
        """A heat map of two axes, bars of one; `kind="profile"` draws one axis that has an order, such as layers. A cell's
        colour is full where it is marked and its interval leaves out what a cell is that does nothing. Raises BadSweep."""
        return draw(self, kind)

    @known_arguments
    def plot_against(self, across: "Grid") -> Picture:
        """A dot for each cell: across, the number of another grid of the same cells and prompts, such as heads' attention;
        up, this grid's. Marked cells are named. Raises BadSweep."""
        if not isinstance(across, GridCells):
            raise BadSweep(f"plot_against({shown(across)}): expected a grid of the same axes and prompts.")
        return draw_against(across, self)

    @known_arguments
    def save_picture(self, path: str | PathLike[str], *, kind: PictureKind | None = None) -> None:
        """Write `plot` as an .svg file. Raises BadSweep, ValueError for another suffix, OSError."""
        self.plot(kind).save(path)

    @known_arguments
    def save(self, path: str | PathLike[str]) -> None:
        """Write it as a .json file, with a digest of all that it holds, for `cc.load_grid`. Raises BadSweep, OSError."""
        write_cells(self, Path(path))

    @known_arguments
    def claims(self, path: str | PathLike[str], *, k: int = 5, task: str | None = None, replace: bool = False) -> Written:
        """Write the `k` largest marked effects down as claims of one family, in a file for a hypotheses folder: each says on
        which side of a round number its cell lies, and is judged on the test stream, which this sweep did not see. A grid
        without marks writes no file, and says so.

        `task` says where a task of one's own comes from, "my_tasks:make" for a function `make` of a module; built-in ones
        are known. `replace` allows to write over a file. Raises BadSweep for a grid of the test stream, or of a function
        that cannot be written down; OSError.
        """
        return write_claims(self, Path(path), k, task, over=replace)

    def _repr_html_(self) -> str:
        return self.plot().svg if len(self.axes) <= 2 else escape_code(repr(self))


@known_arguments
def load_grid(path: str | PathLike[str]) -> Grid:
    """A grid that `grid.save` wrote, with all but the means to measure it again. Raises BadSweep for what is none, or was
    changed since."""
    return Grid(**read_cells(Path(path)))
