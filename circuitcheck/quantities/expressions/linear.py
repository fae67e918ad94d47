"""Linear combinations of cells: one number per prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.places import Part
from circuitcheck.plan import Cell, bounds_of
from circuitcheck.sampling import NO_NOISE, Bounds, Noise


@dataclass(frozen=True)
class Linear:
    """`constant` plus the sum of coefficient times cell."""

    terms: tuple[tuple[float, Cell], ...]
    constant: float = 0.0

    @property
    def digest(self) -> str:
        return digest((tuple((k, cell.digest) for k, cell in self.terms), self.constant))

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(cell for _, cell in self.terms)

    def scale(self, k: float) -> "Linear":
        return Linear(tuple((k * coefficient, cell) for coefficient, cell in self.terms), k * self.constant)

    def plus(self, other: "Linear") -> "Linear":
        """Terms in the same cell are added up; one that cancels stays, with 0 as its factor, and is measured too."""
        sums: dict[str, tuple[float, Cell]] = {}
        for k, cell in (*self.terms, *other.terms):
            sums[cell.digest] = (sums.get(cell.digest, (0.0, cell))[0] + k, cell)
        return Linear(tuple(sums.values()), self.constant + other.constant)

    def of(self, columns: Mapping[str, NDArray[np.float64]], n: int) -> NDArray[np.float64]:
        """[prompt], from the cells' values by digest."""
        total = np.full(n, self.constant)
        for k, cell in self.terms:
            total = total + k * columns[cell.digest]
        return total

    @property
    def bounds(self) -> Bounds | None:
        """The range of values that the metrics' supports allow, or None where one of them is unbounded."""
        low = high = self.constant
        for k, cell in self.terms:
            found = bounds_of(cell.metric.support)
            if found is None:
                return None
            ends = (k * found[0], k * found[1])
            low, high = low + min(ends), high + max(ends)
        return (low, high) if low < high else None

    @property
    def binary(self) -> bool:
        """Is it 0 or 1 on every prompt: one 0/1 metric, or one minus it?"""
        if len(self.terms) != 1 or self.terms[0][1].metric.support != "binary":
            return False
        return (self.terms[0][0], self.constant) in ((1.0, 0.0), (-1.0, 1.0))

    @property
    def paired(self) -> tuple[float, float] | None:
        """(scale, offset) where it is offset + scale times a difference of two 0/1 metrics, else None."""
        terms = [(k, cell) for k, cell in self.terms if k]
        if [cell.metric.support for _, cell in terms] != ["binary", "binary"]:
            return None
        (one, _), (other, _) = terms
        return (one, self.constant) if one == -other else None

    def noise(self, floors: Mapping[tuple[str, str], Noise]) -> Noise:
        """At worst the floors of the cells, by model and metric, add up."""
        total = NO_NOISE
        for k, cell in self.terms:
            total = total.plus(floors.get(floor_key(cell), NO_NOISE).scaled(k))
        return total

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "Linear":
        """The same of views in which the parts `new` stand where `old` stood."""
        return replace(self, terms=tuple((k, replace(cell, view=cell.view.swap_parts(old, new))) for k, cell in self.terms))


def floor_key(cell: Cell) -> tuple[str, str]:
    """What a cell's noise floor depends on: its model and its metric."""
    return cell.view.model.fingerprint, cell.metric.digest


def by_digest(cells: Sequence[Cell], values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {cell.digest: row for cell, row in zip(cells, values, strict=True)}
