"""A file that documents are read from again and again: it must stay what it was when it was opened."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from circuitcheck.errors import BadRecord


class OnDisk:
    """`path`, as it is now."""

    def __init__(self, path: Path) -> None:
        self._path, self._state = path, _state(os.stat(path))

    @contextmanager
    def opened(self, number: int) -> Iterator[BinaryIO]:
        """To read a document by its number, from 0. Raises BadRecord where the file is gone, or another by now."""
        try:
            with self._path.open("rb") as stream:
                if _state(os.fstat(stream.fileno())) != self._state:
                    raise self._changed(number, "it was written to meanwhile")
                yield stream
        except OSError as error:
            raise self._changed(number, error.strerror or str(error)) from error

    def _changed(self, number: int, why: str) -> BadRecord:
        return BadRecord(
            f"{self._path.name}: document {number + 1} cannot be read any more ({why}): its tokens were counted before. "
            f"Call cc.corpus again, and leave the file as it is."
        )


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
