"""Claims of what a sweep found, as a file for a hypotheses folder."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np

from circuitcheck.errors import BadSweep
from circuitcheck.files import write_whole
from circuitcheck.given import checked_whole
from circuitcheck.prompts.builtin import BUILT_IN
from circuitcheck.quantities.sweeps.cells import GridCells
from circuitcheck.quantities.sweeps.controls import control_of
from circuitcheck.quantities.sweeps.source import code_of
from circuitcheck.text import counted

_TASK = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Written:
    """The ids of the claims that were written, and why others were not. `path` is None where there were none."""

    path: Path | None
    claims: tuple[str, ...]
    left_out: tuple[str, ...]

    def __repr__(self) -> str:
        rest = f" {' '.join(self.left_out)}" if self.left_out else ""
        said = f"{counted(len(self.claims), 'claim')} written to {self.path}." if self.path else "no claim was written."
        return f"<{said}{rest}>"


@dataclass(frozen=True)
class _Claim:
    """As the template has it. `sign` and `threshold` say on which side of which number the cell `words` lies, `reason` why
    that number, in lines; `control` asserts what other heads do, where the cell is one."""

    name: str
    id: str
    text: str
    words: tuple[str, ...]
    sign: str
    threshold: float
    reason: list[str]
    control: str


def write_claims(grid: GridCells, path: Path, k: int, task: str | None, *, over: bool) -> Written:
    """Raises BadSweep for a grid of prompts that claims are judged on, or that cannot be written down."""
    origin = grid.origin
    if origin.stream != "discovery":
        raise BadSweep(
            f"this grid was measured on the {origin.stream} stream: its cells were chosen on prompts that claims need. Make "
            f"the sweep on the discovery stream, task.sweep(...).estimate(n), and claim what it finds."
        )
    k, marked = checked_whole("claims(): k", k, BadSweep), int(grid.marks.sum())
    if not marked:
        return Written(None, (), (f"No cell of {grid.cells} is marked: there is nothing to claim.",))
    found, left_out = list[_Claim](), list[str]()
    for cell in grid.top(k).cells:
        claim = _claim(grid, grid.place(cell if len(cell) > 1 else cell[0]))
        if claim is None:
            left_out.append(f"{', '.join(cell)} is left out: its interval still holds what a cell is that does nothing.")
        else:
            found.append(claim)
    if not found:
        return Written(None, (), tuple(left_out))
    if path.suffix != ".py" or (path.exists() and not over):
        problem = "does not end in .py" if path.suffix != ".py" else "is there already; replace=True writes over it"
        raise BadSweep(f"{path} {problem}: expected a new file of a hypotheses folder, such as hypotheses/test_found.py.")
    text = _text(grid, found, _task_of(grid, task))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return Written(path, tuple(each.id for each in found), tuple(left_out))


def _claim(grid: GridCells, place: tuple[int, ...]) -> _Claim | None:
    """None where the interval holds what a cell is that does nothing."""
    low, high, nothing = (float(each[place]) for each in (grid.low, grid.high, grid.nothing))
    if not (low > nothing or high < nothing):
        return None
    above = low > nothing
    threshold = _round(low if above else high, nothing)
    words = grid.coordinates(place)
    name = "_".join(filter(None, (_OTHER.sub("_", word).strip("_").lower() for word in words)))
    label = grid.labels[int(np.ravel_multi_index(place, grid.shape))].replace("{", "(").replace("}", ")")
    reason = (
        f"{float(grid.value[place]):.3g} on the {grid.origin.stream} stream, in [{low:.3g}, {high:.3g}]. All "
        f"{grid.cells} intervals hold at once; a cell that does nothing is {nothing:.3g}. The threshold is the end of the "
        f"interval that is nearer to it, rounded towards it."
    )
    control = control_of(grid, place, above=above)
    return _Claim(
        name=name,
        id=f"found.{_OTHER.sub('-', grid.origin.task).lower()}.{grid.origin.sweep[:6]}.{name.replace('_', '-')}",
        text=f"{label} is {'above' if above else 'below'} {threshold:g}{', ' if control.words else ''}{control.words}",
        words=words,
        sign=">" if above else "<",
        threshold=threshold,
        reason=wrap(f"{reason} {control.reason}", 110),
        control=control.code,
    )


def _round(near: float, nothing: float) -> float:
    """A number of one or two digits between what does nothing and the interval's nearer end, close to the latter."""
    step = 10.0 ** math.floor(math.log10(abs(near - nothing) / 2))
    rounded = math.floor(near / step + 1e-9) if near > nothing else math.ceil(near / step - 1e-9)
    return round(rounded * step, 12)


def _task_of(grid: GridCells, given: str | None) -> tuple[str, str]:
    """(lines at the top of the file, name of the test's argument or of a constant)."""
    if given is not None:
        named = _TASK.fullmatch(given)
        if named is None:
            raise BadSweep(f"task={given!r}: expected a module and a function that makes the task, 'my_tasks:make'.")
        return f"from {named[1]} import {named[2]}", f"{named[2]}()"
    for name, make in BUILT_IN.items():
        if make().digest == grid.origin.prompts:
            return "", name
    raise BadSweep(
        f"the task {grid.origin.task!r} is none of the built-in ones, and a file of claims has to make it: say where it "
        f"comes from, claims(path, task='my_tasks:make')."
    )


def _text(grid: GridCells, found: list[_Claim], task: tuple[str, str]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late, since most runs write no claims

    origin, (imported, task_name) = grid.origin, task
    if len(origin.models) != 1:
        raise BadSweep(
            f"this sweep is over the models {', '.join(origin.models)}; expected one, since claims name one each."
        )
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = _quoted
    return environment.get_template("claims.py.jinja").render(
        origin=origin,
        cells=grid.cells,
        claims=found,
        code=code_of(grid.sweep, origin.code),
        family=f"sweep {origin.sweep[:12]}",
        imported=imported,
        task=task_name,
    )


def _quoted(text: object) -> str:
    """As Python reads it, in double quotes."""
    return json.dumps(str(text), ensure_ascii=False)
