"""All cells of a sweep on the same prompts, as one plan; long ones in parts, so that progress can be told."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.plan import Cell
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session

_PART = 256  # cells: untouched runs are made once for each part, and progress is told between them


@dataclass(frozen=True, eq=False)
class MeasuredCells:
    """`values` [cell, prompt], at the row that `rows` has for the digest of a cell. `vacuous` are digests of cells of which
    an intervention changed no prompt."""

    values: NDArray[np.float64]
    rows: dict[str, int]
    vacuous: frozenset[str]

    def of(self, cells: Sequence[Cell]) -> NDArray[np.float64]:
        return self.values[[self.rows[cell.digest] for cell in cells]]


def measure_cells(where: PromptStream, cells: Sequence[Cell], n: int, what: str) -> MeasuredCells:
    """Of the first `n` prompts. What changes nothing is told, and not refused."""
    session, unique = current_session(), list({cell.digest: cell for cell in cells}.values())
    values, vacuous = np.empty((len(unique), n)), set[str]()
    for start in _told(range(0, len(unique), _PART), len(unique), what):
        part = unique[start : start + _PART]
        measured, receipts = session.measure_each(where, part, range(n))
        values[start : start + len(part)] = measured
        vacuous |= {cell.digest for cell, of_cell in zip(part, receipts, strict=True) if any(map(_changed_nothing, of_cell))}
    return MeasuredCells(values, {cell.digest: number for number, cell in enumerate(unique)}, frozenset(vacuous))


def _changed_nothing(receipt: Receipt) -> bool:
    return receipt.changed == 0


def _told(starts: range, count: int, what: str) -> Iterator[int]:
    """The starts one by one, with a bar on a terminal or in a notebook; within a claim, on its line."""
    from tqdm.auto import tqdm  # late, since most runs sweep nothing

    session, began = current_session(), time.monotonic()
    with tqdm(total=count, desc=what, unit="cell", disable=True if session.progress or count <= _PART else None) as shown:
        for start in starts:
            if session.progress and start:
                left = (time.monotonic() - began) * (count - start) / start
                session.progress(f"{what}: {start} of {count} cells, {_duration(left)} left")
            yield start
            shown.update(min(_PART, count - start))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
