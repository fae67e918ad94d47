"""Entries as bytes: a header of plain data, then arrays. What is read back is checked to the last byte, and never run."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = 4  # bytes of the header's own length
_TYPES = ("<f8", "<f4", "<i8", "|b1")
_LARGEST = 1 << 28  # bytes of one entry
_AXES = 4
_PLAIN, _PRESSED = b"\0", b"\1"
_WORTH_IT = 1 << 16  # bytes, from which on zeros are many: of features that do not fire


class Unreadable(ValueError):
    """Bytes that are no entry."""


@dataclass(frozen=True)
class Unpacked:
    """`header` is plain data; the `arrays` are read-only views of what was read."""

    header: Mapping[str, Any]
    arrays: tuple[NDArray[Any], ...]


def pack(header: Mapping[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> bytes:
    """Raises ValueError for arrays of other types than float64, float32, int64 and bool."""
    plain = [np.ascontiguousarray(each, dtype=each.dtype.newbyteorder("<")) for each in arrays]
    if any(each.dtype.str not in _TYPES for each in plain):
        raise ValueError(f"arrays of the types {[each.dtype.str for each in plain]}; expected {', '.join(_TYPES)}")
    shapes = [[each.dtype.str, *shape.shape] for each, shape in zip(plain, arrays, strict=True)]
    head = json.dumps({"arrays": shapes, "header": dict(header)}, separators=(",", ":")).encode("ascii")
    body = b"".join([len(head).to_bytes(_LENGTH, "big"), head, *(each.tobytes() for each in plain)])
    return _PLAIN + body if len(body) < _WORTH_IT else _PRESSED + zlib.compress(body, 1)


def unpack(content: bytes) -> Unpacked:
    """Raises Unreadable."""
    body = _body(content)
    end = _LENGTH + int.from_bytes(body[:_LENGTH], "big")
    if not _LENGTH < end <= len(body):
        raise Unreadable("its header is not as long as it says")
    try:
        head = json.loads(body[_LENGTH:end])
    except (ValueError, RecursionError) as error:
        raise Unreadable("its header is no JSON") from error
    if not isinstance(head, dict) or not isinstance(head.get("header"), dict) or not isinstance(head.get("arrays"), list):
        raise Unreadable("its header says nothing of what follows")
    arrays = []
    for said in head["arrays"]:
        kind, shape = _kind_and_shape(said)
        start, end = end, end + np.dtype(kind).itemsize * prod(shape)
        if end > len(body):
            raise Unreadable("it ends before its numbers do")
        arrays.append(_array(body[start:end], kind, shape))
    if end != len(body):
        raise Unreadable("more follows than it says")
    return Unpacked(head["header"], tuple(arrays))


def _body(content: bytes) -> bytes:
    if content[:1] == _PLAIN and len(content) <= _LARGEST:
        return content[1:]
    if content[:1] != _PRESSED:
        raise Unreadable("it is of another form")
    press = zlib.decompressobj()
    try:
        body = press.decompress(content[1:], _LARGEST)
    except zlib.error as error:
        raise Unreadable("it cannot be unpressed") from error
    if not press.eof or press.unused_data:
        raise Unreadable("it is larger than an entry may be, or cut short")
    return body


def _kind_and_shape(said: object) -> tuple[str, tuple[int, ...]]:
    if not isinstance(said, list) or not 1 <= len(said) <= 1 + _AXES or said[0] not in _TYPES:
        raise Unreadable("its header names arrays of another type")
    if not all(type(size) is int and 0 <= size <= _LARGEST for size in said[1:]):
        raise Unreadable("its header names arrays of no shape")
    return said[0], tuple(said[1:])


def _array(data: bytes, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    found = np.frombuffer(data, np.uint8 if kind == "|b1" else kind)
    if kind == "|b1" and found.size and found.max() > 1:
        raise Unreadable("a truth value is neither 0 nor 1")
    return (found.view(np.bool_) if kind == "|b1" else found).reshape(shape)
