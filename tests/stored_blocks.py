"""Blocks of known content: any that is read back either is what was written, or is missing."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np

from circuitcheck.engine.protocol import FeatureReceipt, Receipt
from circuitcheck.store import Block, Key, Store

ROWS = 8
KEY = Key("values", ("a model", "a task", 0), "organism (float32, cpu)", "ioi")


def block(start: int, rows: int = ROWS, seed: int = 0) -> Block:
    """Of rows from `start` on, with all that a receipt can hold."""
    drawn = np.random.default_rng([start, rows, seed])
    numbers = [tuple(drawn.normal(size=rows).tolist()) for _ in range(4)]
    receipt = Receipt(
        digest=f"digest {start}",
        model="organism",
        view="a view",
        intervention="an ablation",
        sites=("L0.z", "L1.z"),
        relative=numbers[0],
        allow_vacuous=bool(start % 2),
        dtype="bfloat16" if start % 2 else "float32",
        idle=("L1.z",),
        features=(FeatureReceipt("q[1]", numbers[1]), FeatureReceipt("q[2]", numbers[2])),
        output=numbers[3],
    )
    values = drawn.normal(size=rows)
    values[0] = np.nan
    return Block(range(start, start + rows), values, (receipt,), tuple(f"{row:032x}" for row in range(start, start + rows)))


def same(found: Block, expected: Block) -> bool:
    values = found.values.tobytes() == expected.values.tobytes()
    return values and (found.rows, found.receipts, found.prompts) == (expected.rows, expected.receipts, expected.prompts)


def filled(folder: Path, blocks: int = 40, key: Key = KEY) -> Path:
    """The file of a store with so many blocks, closed."""
    store = Store(folder, 100)
    store.keep((key, block(ROWS * number)) for number in range(blocks))
    store.close()
    assert not store.notices
    return store.database.path


def right_or_missing(folder: Path, blocks: int = 40, key: Key = KEY, first: int = 0) -> int:
    """How many blocks can be read, from the `first` on. Fails where one is not what was written."""
    store = Store(folder, 100)
    found = store.blocks(key, range(ROWS * first, ROWS * blocks))
    assert all(same(each, block(each.rows.start, len(each.rows))) for each in found)
    store.close()
    return len(found)


def in_another_process(act: Callable[[], object]) -> int:
    """Its process id. A process of its own, made by a fork: it starts in a millisecond."""
    child = os.fork()
    if child:
        return child
    try:
        act()
    finally:
        os.kill(os.getpid(), signal.SIGKILL)
