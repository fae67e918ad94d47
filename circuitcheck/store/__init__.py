"""The store of values: what was measured, on disk, for every later run."""

from circuitcheck.store.blocks import Block
from circuitcheck.store.store import Key, Store

__all__ = ["Block", "Key", "Store"]
