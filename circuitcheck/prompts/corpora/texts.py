"""Plain text, divided into documents by a separator or by blank lines."""

import mmap
import re
from array import array
from collections.abc import Iterator
from pathlib import Path

from circuitcheck.errors import BadRecord
from circuitcheck.prompts.corpora.on_disk import OnDisk

END_OF_TEXT = "<|endoftext|>"
_BLANK_LINE = re.compile(rb"\r?\n(?:[ \t]*+\r?\n)++")  # possessive: remembers no way back, which would fill the memory
_HEAD = 1 << 22


class TextDocuments:
    """Byte offsets are held, 16 bytes a document; the text is read when asked for, line endings as they are."""

    def __init__(self, path: Path, starts: "array[int]", stops: "array[int]") -> None:
        self._path, self._starts, self._stops = path, starts, stops
        self._file = OnDisk(path)

    @classmethod
    def open(cls, path: Path, separator: str | None) -> "TextDocuments":
        """`separator` None: END_OF_TEXT if the file begins to use it within its first megabytes, else blank lines."""
        if separator is not None and not (isinstance(separator, str) and separator):
            raise BadRecord(f"{path.name}: separator={separator!r}; expected text that stands between documents.")
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if b"\0" in head:
            raise BadRecord(f"{path.name} is no text: it holds zero bytes. Save it as UTF-8.")
        if separator is None and END_OF_TEXT.encode() in head:
            separator = END_OF_TEXT
        pattern = _BLANK_LINE if separator is None else re.compile(re.escape(separator.encode()))
        starts, stops = _spans(path, pattern)
        if not starts:
            raise BadRecord(f"{path.name} holds no text.")
        return cls(path, starts, stops)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> str:
        start, stop = self._starts[number], self._stops[number]
        with self._file.opened(number) as stream:
            stream.seek(start)
            data = stream.read(stop - start)
        try:
            return data.decode("utf-8").removeprefix("\ufeff").strip("\r\n")
        except UnicodeDecodeError as error:
            raise BadRecord(
                f"{self._path.name}: document {number + 1} is not UTF-8 (byte {start + error.start})."
            ) from error


def _spans(path: Path, pattern: "re.Pattern[bytes]") -> "tuple[array[int], array[int]]":
    """[start, stop) in bytes of every document that is not blank. The file is mapped, not read into memory."""
    starts, stops = array("q"), array("q")
    if not path.stat().st_size:
        return starts, stops
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = 0
        for separator_start, separator_end in _separators(pattern, data):
            if data[begin:separator_start].strip():
                starts.append(begin)
                stops.append(separator_start)
            begin = separator_end
    return starts, stops


def _separators(pattern: "re.Pattern[bytes]", data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where each stands, and the end of the data."""
    for found in pattern.finditer(data):
        yield found.span()
    yield len(data), len(data)
