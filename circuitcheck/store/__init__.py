"""The store of values: what was measured, on disk, for every later run."""

from circuitcheck.store.store import Block, Key, Store

__all__ = ["Block", "Key", "Store"]
