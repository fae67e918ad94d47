"""The beginning of a GGUF file: its words and its table of tensors, read within bounds before a library reads them.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.files import is_plain
from circuitcheck.models import ModelSpec

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 24  # bytes of a text: a chat template has thousands
_LONGEST_IN_LIST = 1 << 16  # bytes: a token has a few
_MOST_WORDS = _MOST_TENSORS = 1 << 16  # a large model of experts has some thousands
_MOST_OF_VOCABULARY = 1 << 20  # entries: the largest vocabularies have some 10^5
_MOST_IN_LIST = 10_000  # entries: libraries read them one by one, in Python
_VOCABULARY = tuple(
    f"tokenizer.ggml.{name}" for name in ("tokens", "merges", "scores", "token_type", "added_tokens", "precompiled_charsmap")
)
_MOST_DIMENSIONS = 4

Value = int | float | str | None  # None stands for lists


@dataclass(frozen=True)
class TensorEntry:
    """A line of the table: `shape` is in the file's order, fastest first; `offset` counts from where the data begins."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True)
class GgufHeader:
    """`lengths` are those of lists. `end` is where the table ends, `size` that of the file, both in bytes."""

    words: dict[str, Value]
    lengths: dict[str, int]
    tensors: tuple[TensorEntry, ...]
    end: int
    size: int

    @property
    def family(self) -> Value:
        return self.words.get("general.architecture")

    def of_family(self, name: str) -> Value:
        return self.words.get(f"{self.family}.{name}")


def read_gguf_header(spec: ModelSpec, path: Path) -> GgufHeader:
    """Raises CorruptCheckpoint for what is no GGUF file, or has no header that can be read."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not is_plain(path, status):
                raise CorruptCheckpoint(f"{spec} is a pipe or a device, not a file. Name a file.")
            return _header(stream, status.st_size)
    except UnicodeDecodeError as error:
        reason = f"its header has a text that is no UTF-8: {error.object[:100]!r}"
    except struct.error:
        reason = "it ends within its header"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise CorruptCheckpoint(
        f"{spec} cannot be read as a GGUF file ({reason}). It may be truncated or of another format; get a fresh copy."
    )


def _header(stream: BinaryIO, size: int) -> GgufHeader:
    magic, version = stream.read(4), _number(stream, "I")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"it begins with {magic!r} and version {version}; expected b'GGUF' and 2 or 3")
    tensors = _count(stream, _MOST_TENSORS)
    words: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(_count(stream, _MOST_WORDS)):
        name = _text(stream)
        if name in words:
            raise ValueError(f"its header says {name!r} twice")
        words[name] = _value(stream, name, lengths)
    table = tuple(_tensor(stream) for _ in range(tensors))
    if stream.tell() > size:
        raise ValueError("it ends within its header")
    return GgufHeader(words, lengths, table, stream.tell(), size)


def _tensor(stream: BinaryIO) -> TensorEntry:
    name, dimensions = _text(stream), int(_number(stream, "I"))
    if not 0 < dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"its tensor {name!r} has {dimensions} dimensions; expected 1 to {_MOST_DIMENSIONS}")
    shape = tuple(int(_number(stream, "Q")) for _ in range(dimensions))
    return TensorEntry(name, shape, int(_number(stream, "I")), int(_number(stream, "Q")))


def _value(stream: BinaryIO, name: str, lengths: dict[str, int]) -> Value:
    kind = int(_number(stream, "I"))
    if kind == _STRING:
        return _text(stream)
    if kind in _SCALARS:
        return _number(stream, _SCALARS[kind])
    if kind != _ARRAY:
        raise ValueError(f"{name!r} in its header has a value of the unknown kind {kind}")
    lengths[name] = _skip_list(stream, name)
    return None


def _skip_list(stream: BinaryIO, name: str) -> int:
    """How many entries it has."""
    inner = int(_number(stream, "I"))
    count = _count(stream, _MOST_OF_VOCABULARY if name in _VOCABULARY else _MOST_IN_LIST)
    if inner in _SCALARS:
        stream.seek(count * struct.calcsize(_SCALARS[inner]), os.SEEK_CUR)
    elif inner == _STRING:
        for _ in range(count):
            stream.seek(_length(stream, _LONGEST_IN_LIST), os.SEEK_CUR)
    else:
        raise ValueError(f"{name!r} in its header is a list of the kind {inner}")
    return count


def _number(stream: BinaryIO, form: str) -> int | float:
    found: int | float = struct.unpack(f"<{form}", stream.read(struct.calcsize(form)))[0]
    return found


def _count(stream: BinaryIO, most: int) -> int:
    count = int(_number(stream, "Q"))
    if count > most:
        raise ValueError(f"the header has a list of {count} entries; {most} at most are read")
    return count


def _length(stream: BinaryIO, most: int) -> int:
    length = int(_number(stream, "Q"))
    if length > most:
        raise ValueError(f"the header has a text of {length} bytes; {most} at most are read")
    return length


def _text(stream: BinaryIO) -> str:
    length = _length(stream, _LONGEST)
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("it ends within its header")
    return data.decode("utf-8")
