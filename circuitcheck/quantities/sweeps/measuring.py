"""All cells of a sweep on the same prompts, as one plan, in parts where they are very many; how far it is is told."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.notices import hearing_of_work
from circuitcheck.plan import Cell
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session

_PART = 256  # cells, for each of which the untouched runs that they share are made once
_SOON = 1.0  # seconds, after which one wants to know how long it takes


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
    with _Told(len(unique), n, what) as told, hearing_of_work(told.more):
        for start in range(0, len(unique), _PART):
            part = unique[start : start + _PART]
            measured, receipts = session.measure_each(where, part, range(n))
            values[start : start + len(part)] = measured
            found = zip(part, receipts, strict=True)
            vacuous |= {cell.digest for cell, of_cell in found if any(map(_changed_nothing, of_cell))}
            told.are(start + len(part))
    return MeasuredCells(values, {cell.digest: number for number, cell in enumerate(unique)}, frozenset(vacuous))


def _changed_nothing(receipt: Receipt) -> bool:
    return receipt.changed == 0


class _Told:
    """How many of `count` cells are done, on `n` prompts each: with a bar on a terminal or in a notebook; within a claim, on
    its line."""

    def __init__(self, count: int, n: int, what: str) -> None:
        from tqdm.auto import tqdm  # late, since most runs sweep nothing

        self._session, self._count, self._n, self._what = current_session(), count, n, what
        self._began = self._last = time.monotonic()
        self._values = 0  # of which those of `n` prompts are a cell
        self._bar = tqdm(total=count, desc=what, unit="cell", disable=True if self._session.progress else None, delay=_SOON)

    def more(self, values: int) -> None:
        """So many values more of the part that is measured."""
        self._values += values
        self._show()

    def are(self, cells: int) -> None:
        """So many cells are done, measured or known."""
        self._values = cells * self._n
        self._show()

    def _show(self) -> None:
        done, now = min(self._values // self._n, self._count), time.monotonic()
        self._bar.update(done - self._bar.n)
        if self._session.progress and done and now - self._last >= _SOON:
            self._last, left = now, (now - self._began) * (self._count - done) / done
            self._session.progress(f"{self._what}: {done} of {self._count} cells, {_duration(left)} left")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
