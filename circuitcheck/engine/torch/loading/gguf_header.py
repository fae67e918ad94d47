"""The numbers at the beginning of a GGUF file, read within bounds before a library makes a model of what they say.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from circuitcheck.engine.torch.loading.preflight import check_size
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.files import is_plain
from circuitcheck.models import ModelSpec

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 24  # bytes of a text: a chat template has thousands
_MOST = 1 << 23  # entries of a header or of a list: vocabularies have some 10^5
_NEEDED = ("block_count", "embedding_length", "attention.head_count")

Value = int | float | str | None  # None stands for lists


def check_gguf_header(spec: ModelSpec, path: Path) -> None:
    """Raises CorruptCheckpoint for a header that cannot be read, that lacks a size which a library would make up, or that
    asks for far more weights than the file holds."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not is_plain(path, status):
                raise CorruptCheckpoint(f"{spec} is a pipe or a device, not a file. Name a file.")
            header = _header(stream)
    except (OSError, ValueError, struct.error) as error:
        raise CorruptCheckpoint(
            f"{spec} cannot be read as a GGUF file ({error}). It may be truncated or of another format; get a fresh copy."
        ) from error
    family = header.get("general.architecture")
    sizes = {name: header.get(f"{family}.{name}") for name in _NEEDED}
    lacking = [name for name, value in sizes.items() if not (isinstance(value, int) and value > 0)]
    if lacking:
        raise CorruptCheckpoint(
            f"the header of {spec} does not say {family}.{lacking[0]}, and a number would be made up. Get a fresh copy."
        )
    layers, width = sizes["block_count"], sizes["embedding_length"]
    if isinstance(layers, int) and isinstance(width, int):
        check_size(f"the header of {spec}", layers, width, status.st_size)


def _header(stream: BinaryIO) -> dict[str, Value]:
    magic, version = stream.read(4), _number(stream, "I")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"it begins with {magic!r} and version {version}; expected b'GGUF' and 2 or 3")
    _number(stream, "Q")  # of tensors
    entries = _count(stream)
    return {_text(stream): _value(stream, int(_number(stream, "I"))) for _ in range(entries)}


def _value(stream: BinaryIO, kind: int) -> Value:
    if kind == _STRING:
        return _text(stream)
    if kind in _SCALARS:
        return _number(stream, _SCALARS[kind])
    if kind != _ARRAY:
        raise ValueError(f"the header has a value of the unknown kind {kind}")
    inner = int(_number(stream, "I"))
    count = _count(stream)
    if inner in _SCALARS:
        stream.seek(count * struct.calcsize(_SCALARS[inner]), os.SEEK_CUR)
    elif inner == _STRING:
        for _ in range(count):
            stream.seek(_length(stream), os.SEEK_CUR)
    else:
        raise ValueError(f"the header has a list of the kind {inner}")
    return None


def _number(stream: BinaryIO, form: str) -> int | float:
    found: int | float = struct.unpack(f"<{form}", stream.read(struct.calcsize(form)))[0]
    return found


def _count(stream: BinaryIO) -> int:
    count = int(_number(stream, "Q"))
    if count > _MOST:
        raise ValueError(f"the header has a list of {count} entries; {_MOST} at most are read")
    return count


def _length(stream: BinaryIO) -> int:
    length = int(_number(stream, "Q"))
    if length > _LONGEST:
        raise ValueError(f"the header has a text of {length} bytes; {_LONGEST} at most are read")
    return length


def _text(stream: BinaryIO) -> str:
    length = _length(stream)
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("it ends within its header")
    return data.decode("utf-8", "replace")
