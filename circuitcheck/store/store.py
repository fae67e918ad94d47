"""The store: what was measured is found again by the next run, or by this one's other processes."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from circuitcheck.digest import digest
from circuitcheck.notices import say_once
from circuitcheck.store.blocks import Block, pack_block, unpack_block
from circuitcheck.store.database import Database, Entry, Found
from circuitcheck.store.packing import Unreadable
from circuitcheck.store.records import pack_record, unpack_record
from circuitcheck.text import printable

T = TypeVar("T")
_LARGEST = 1 << 26  # bytes of one record


@dataclass(frozen=True)
class Key:
    """What an entry is of: `parts` are plain data, which decide; `model` and `subject`, a task, are for people."""

    kind: str
    parts: tuple[object, ...]
    model: str = ""
    subject: str = ""

    @property
    def digest(self) -> bytes:
        """16 bytes."""
        return bytes.fromhex(digest((self.kind, *self.parts)))


class Store:
    """In `folder`, with `most_mb` megabytes at most, of which the least recently used go first. `notices` is what a person
    should hear of it."""

    def __init__(self, folder: Path, most_mb: int, clock: Callable[[], float] = time.time) -> None:
        self.notices: list[str] = []
        self.database = Database(folder, most_mb << 20, self._hear, clock)

    def _hear(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)
            say_once(text)

    def blocks(self, key: Key, rows: range) -> list[Block]:
        """What is there of these rows, in order, none of them twice."""
        found, start = [], rows.start
        for entry in self.database.read(key.digest, rows.start, rows.stop):
            begin, stop = max(entry.start, start), min(entry.stop, rows.stop)
            if begin < stop and (block := self._read(key, entry, _block)) is not None:
                found.append(block.part(range(begin, stop)))
                start = stop
        return found

    def keep(self, measured: Iterable[tuple[Key, Block]]) -> None:
        """All of them at once, or none."""
        self.database.write([_entry(key, each.rows, pack_block(each)) for key, each in measured])

    def record(self, key: Key, kind: type[T]) -> T | None:
        """What was kept of this type. None where there is none."""
        found: Sequence[Found] = self.database.read(key.digest, 0, 1)
        return self._read(key, found[0], lambda entry: unpack_record(kind, entry.content)) if found else None

    def keep_record(self, key: Key, record: object) -> None:
        """A dataclass of plain data and arrays. One that is too large is not kept."""
        content = pack_record(record)
        if len(content) <= _LARGEST:
            self.database.write([_entry(key, range(1), content)])

    def forget(self, key: Key) -> None:
        """What was believed, and was wrong."""
        self.database.drop(key.digest)

    def close(self) -> None:
        """Another call opens it again."""
        self.database.close()

    def _read(self, key: Key, entry: Found, of: Callable[[Found], T]) -> T | None:
        """None for what is whole and still no such entry: it goes."""
        try:
            return of(entry)
        except Unreadable as error:
            self._hear(f"{self.database.path}: an entry cannot be read ({error}); its values are measured anew.")
            self.forget(key)
            return None


def _entry(key: Key, rows: range, content: bytes) -> Entry:
    return Entry(key.digest, rows.start, rows.stop, key.kind, printable(key.model), printable(key.subject), content)


def _block(entry: Found) -> Block:
    return unpack_block(entry.content, range(entry.start, entry.stop), entry.made)
