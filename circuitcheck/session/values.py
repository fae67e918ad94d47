"""Values already measured, kept block by block: nothing is run twice in a session."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.plan import Cell

Stream = tuple[str, str, str, int]  # model fingerprint and device, task digest, stream, seed


@dataclass(frozen=True, eq=False)
class Block:
    """One cell over one block of prompts. The cell is held so that a local metric's identity is not given away again."""

    cell: Cell
    values: NDArray[np.float64]
    receipts: tuple[Receipt, ...]

    @property
    def bytes(self) -> int:
        return int(self.values.nbytes) + sum(_FLOAT * each.prompts for each in self.receipts) + _OVERHEAD


_FLOAT = 32  # bytes, of a Python number in a tuple
_OVERHEAD = 2000
_BUDGET = 1 << 29


class ValueStore:
    """Blocks by (stream, cell digest, block number); `budget` in bytes."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self.blocks = LeastRecentlyUsed[tuple[Stream, str, int], Block](budget, lambda block: block.bytes)

    def has(self, stream: Stream, cell: str, number: int) -> bool:
        return (stream, cell, number) in self.blocks

    def put(self, stream: Stream, cell: str, number: int, block: Block) -> None:
        self.blocks[stream, cell, number] = block

    def get(self, stream: Stream, cell: str, numbers: range) -> list[Block]:
        return [self.blocks[stream, cell, number] for number in numbers]

    def trim(self) -> None:
        """Between measurements: one needs all of its own blocks at once."""
        self.blocks.trim()
