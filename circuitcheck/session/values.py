"""Values already measured, kept block by block: nothing is run twice in a session."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.plan import Cell

Stream = tuple[str, str, str, int]  # model fingerprint and device, task digest, stream, seed


@dataclass(frozen=True, eq=False)
class Block:
    """One cell over one block of prompts. The cell is held so that a local metric's identity is not given away again."""

    cell: Cell
    values: NDArray[np.float64]
    receipts: tuple[Receipt, ...]


@dataclass
class ValueStore:
    """Blocks by (stream, cell digest, block number)."""

    blocks: dict[tuple[Stream, str, int], Block] = field(default_factory=dict)

    def has(self, stream: Stream, cell: str, number: int) -> bool:
        return (stream, cell, number) in self.blocks

    def put(self, stream: Stream, cell: str, number: int, block: Block) -> None:
        self.blocks[stream, cell, number] = block

    def get(self, stream: Stream, cell: str, numbers: range) -> list[Block]:
        return [self.blocks[stream, cell, number] for number in numbers]
