"""Values already measured, by cell and prompt: nothing is run twice in a session."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.plan import Cell

Stream = tuple[str, str, str, int]  # model fingerprint and device, task digest, stream, seed


@dataclass(frozen=True, eq=False)
class Stretch:
    """One cell's values and receipts on the prompts `rows`, and digests of these."""

    rows: range
    values: NDArray[np.float64]
    receipts: tuple[Receipt, ...]
    prompts: tuple[str, ...] = ()

    def part(self, rows: range) -> "Stretch":
        """What it has of these rows."""
        inside = range(max(rows.start, self.rows.start), min(rows.stop, self.rows.stop))
        window = slice(inside.start - self.rows.start, inside.stop - self.rows.start)
        receipts = tuple(each.rows(window) for each in self.receipts)
        return Stretch(inside, self.values[window], receipts, self.prompts[window])

    @property
    def bytes(self) -> int:
        return int(self.values.nbytes) + sum(_FLOAT * each.prompts for each in self.receipts) + _OVERHEAD


_FLOAT = 32  # bytes, of a Python number in a tuple
_OVERHEAD = 2000
_BUDGET = 1 << 29


@dataclass(frozen=True, eq=False)
class _Column:
    """All that was measured of one cell, in order. The cell is held, too: a metric that is a
    function of this process is known by its identity, which Python would give to another once it is gone."""

    cell: Cell
    stretches: tuple[Stretch, ...] = ()

    def lacking(self, rows: range) -> list[range]:
        gaps, start = [], rows.start
        for each in self.stretches:
            if each.rows.start >= rows.stop or each.rows.stop <= start:
                continue
            if each.rows.start > start:
                gaps.append(range(start, each.rows.start))
            start = each.rows.stop
        return [*gaps, *([range(start, rows.stop)] if start < rows.stop else [])]


class ValueStore:
    """`budget` in bytes."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._columns = LeastRecentlyUsed[tuple[Stream, str], _Column](
            budget, lambda column: sum(each.bytes for each in column.stretches)
        )

    def put(self, stream: Stream, cell: Cell, new: Stretch) -> None:
        """Add what was lacking."""
        held = self._columns[stream, cell.digest] if (stream, cell.digest) in self._columns else _Column(cell)
        stretches = tuple(sorted((*held.stretches, new), key=lambda each: each.rows.start))
        self._columns[stream, cell.digest] = _Column(held.cell, stretches)

    def get(self, stream: Stream, cell: Cell, rows: range) -> Stretch:
        """What was measured on `rows`, all of which must have been."""
        held = self._columns[stream, cell.digest].stretches
        parts = [each.part(rows) for each in held if each.rows.start < rows.stop and each.rows.stop > rows.start]
        receipts = (reduce(Receipt.then, steps) for steps in zip(*(part.receipts for part in parts), strict=True))
        prompts = tuple(digest for part in parts for digest in part.prompts)
        return Stretch(rows, np.concatenate([part.values for part in parts]), tuple(receipts), prompts)

    def lacking(self, streams: Mapping[str, Stream], cells: Iterable[Cell], rows: range) -> list[tuple[range, list[Cell]]]:
        """Which rows of which cells are not there: stretches, each with the cells that all lack it. `streams` are those of
        the cells, by digest."""
        by_digest = {cell.digest: cell for cell in cells}
        gaps = {key: self._lacking(streams[key], cell, rows) for key, cell in by_digest.items()}
        ends = sorted({end for found in gaps.values() for gap in found for end in (gap.start, gap.stop)})
        stretches: list[tuple[range, list[str]]] = []
        for start, stop in pairwise(ends):
            keys = [key for key, found in gaps.items() if any(gap.start <= start and stop <= gap.stop for gap in found)]
            begin = start
            if stretches and stretches[-1][0].stop == start and stretches[-1][1] == keys:
                begin = stretches.pop()[0].start
            if keys:
                stretches.append((range(begin, stop), keys))
        return [(gap, [by_digest[key] for key in keys]) for gap, keys in stretches]

    def _lacking(self, stream: Stream, cell: Cell, rows: range) -> list[range]:
        key = (stream, cell.digest)
        return self._columns[key].lacking(rows) if key in self._columns else [rows]

    def trim(self) -> None:
        """Let go of what is over the budget. Called between measurements, for one needs all of its own values at once."""
        self._columns.trim()
