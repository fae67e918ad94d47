"""Linear combinations of cells: one number per prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from circuitcheck.digest import digest
from circuitcheck.places import Part
from circuitcheck.plan import Cell
from circuitcheck.sampling import Combination


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

    def over(self, cells: Mapping[str, int]) -> Combination:
        """The same with the number of each cell in its place; `cells` has them by digest."""
        return Combination(tuple((k, cells[cell.digest]) for k, cell in self.terms), self.constant)

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "Linear":
        """The same of views in which the parts `new` stand where `old` stood."""
        return replace(self, terms=tuple((k, replace(cell, view=cell.view.swap_parts(old, new))) for k, cell in self.terms))


def floor_key(cell: Cell) -> tuple[str, str]:
    """What a cell's noise floor depends on: its model and its metric."""
    return cell.view.model.fingerprint, cell.metric.digest
