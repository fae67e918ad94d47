"""What was picked from a grid, and from how many cells."""

from collections.abc import Iterator
from dataclasses import dataclass

from circuitcheck.text import counted


@dataclass(frozen=True)
class Found:
    """`cells` by their coordinates, best first, with their `values`, and `units`: the heads, units or sites that they are
    on, in words, each once. It is a list of these units to whatever takes units: `model.ablate(grid.top(5), kind="mean")`.

    Selected on `stream`, `of` so many cells; who claims something of them claims it on other prompts. They were `found_in`
    these models, and no other takes them.
    """

    cells: tuple[tuple[str, ...], ...]
    units: tuple[str, ...]
    values: tuple[float, ...]
    stream: str
    task: str
    of: int
    asked: int
    sweep: str
    found_in: tuple[str, ...]

    @property
    def selected(self) -> str:
        return f"selected on {self.stream}, {len(self.cells)} of {self.of}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.units)

    def __len__(self) -> int:
        return len(self.units)

    def __repr__(self) -> str:
        named = "; ".join(f"{', '.join(cell)}: {value:.3g}" for cell, value in zip(self.cells, self.values, strict=True))
        few = "" if len(self.cells) == self.asked else f"; {counted(self.asked, 'cell')} asked for, no more are marked"
        return f"<{named or 'nothing'} | {self.selected} ({self.task}{few})>"
