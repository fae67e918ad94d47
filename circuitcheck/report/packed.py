"""Claims of a run, packed, in a temporary file: a run of thousands takes hardly more memory than one of a hundred."""

import json
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from typing import IO, Any

Key = tuple[str, str | None]


class PackedClaims:
    """By key, in the order in which the keys first came. What the disk has no room for stays in memory."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._places: dict[Key, tuple[int, int]] = {}  # in the file: where a claim begins, and its length
        self._in_memory: dict[Key, bytes] = {}

    def __setitem__(self, key: Key, claim: dict[str, Any]) -> None:
        packed = zlib.compress(json.dumps(claim).encode("ascii"))
        self._in_memory.pop(key, None)
        self._places[key] = (0, 0)  # a key that comes again keeps its place in the order
        try:
            self._places[key] = self._written(packed), len(packed)
        except OSError:
            self._in_memory[key] = packed

    def _written(self, packed: bytes) -> int:
        """Where it begins. Raises OSError where not all of it could be written."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as this is
            weakref.finalize(self, self._file.close)
        start = self._file.seek(0, 2)
        if self._file.write(packed) != len(packed):
            raise OSError("no room")
        return start

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def values(self) -> Iterator[dict[str, Any]]:
        """They are unpacked each time: ask once."""
        for key in self._places:
            yield json.loads(zlib.decompress(self._packed(key)))

    def _packed(self, key: Key) -> bytes:
        if key in self._in_memory or self._file is None:
            return self._in_memory[key]
        start, length = self._places[key]
        self._file.seek(start)
        return self._file.read(length)
