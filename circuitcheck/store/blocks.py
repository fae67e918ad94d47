"""What an engine measured of one cell on some rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt
from circuitcheck.store.packing import Unreadable
from circuitcheck.store.records import pack_record, unpack_record


@dataclass(frozen=True, eq=False)
class Block:
    """One cell's values and receipts on the prompts `rows`, and digests of these; `made` in seconds since 1970."""

    rows: range
    values: NDArray[np.float64]
    receipts: tuple[Receipt, ...]
    prompts: tuple[str, ...]
    made: int = 0

    def part(self, rows: range) -> "Block":
        """What it has of these rows, all of which are its own."""
        window = slice(rows.start - self.rows.start, rows.stop - self.rows.start)
        receipts = tuple(each.rows(window) for each in self.receipts)
        return Block(rows, self.values[window], receipts, self.prompts[window], self.made)


@dataclass(frozen=True, eq=False)
class _Measured:
    values: NDArray[np.float64]
    receipts: tuple[Receipt, ...]
    prompts: tuple[str, ...]


def pack_block(block: Block) -> bytes:
    """Where it is, and when it was made, is no part of it."""
    return pack_record(_Measured(np.asarray(block.values, np.float64), block.receipts, block.prompts))


def unpack_block(content: bytes, rows: range, made: int) -> Block:
    """Raises Unreadable for anything but a block of so many rows."""
    found, count = unpack_record(_Measured, content), len(rows)
    if found.values.shape != (count,) or len(found.prompts) not in (0, count):
        raise Unreadable("its values are not of these rows")
    for receipt in found.receipts:
        lengths = {len(receipt.relative), *(len(each.activation) for each in receipt.features)}
        if lengths != {count} or len(receipt.output) not in (0, count):
            raise Unreadable("a receipt is not of these rows")
    return Block(rows, found.values, found.receipts, found.prompts, made)
