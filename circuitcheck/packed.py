"""Arrays and texts inside JSON: base64 of what zlib makes of their bytes, so that NaN and infinities survive, and numbers
are the ones that were measured. Nothing is unpacked that says it is larger than allowed."""

import base64
import binascii
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitcheck.errors import BadRecord
from circuitcheck.fields import WHOLE, Schema, described

_TYPES = {"float64": "<f8", "uint32": "<u4", "uint8": "|u1"}
_MOST = 1 << 27  # bytes of one array
_DATA: Schema = {"type": "string", "contentEncoding": "base64"}

ARRAY: Schema = described(
    "little-endian numbers in C order, compressed by zlib, in base64",
    {
        "type": "object",
        "required": ["dtype", "shape", "data"],
        "additionalProperties": False,
        "properties": {
            "dtype": {"enum": list(_TYPES)},
            "shape": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "integer", "minimum": 0}},
            "data": _DATA,
        },
    },
)
TEXTS: Schema = described(
    "a JSON list of texts in UTF-8, compressed by zlib, in base64",
    {
        "type": "object",
        "required": ["count", "bytes", "data"],
        "additionalProperties": False,
        "properties": {"count": WHOLE, "bytes": WHOLE, "data": _DATA},
    },
)


def pack(values: NDArray[Any]) -> dict[str, Any]:
    """As `ARRAY` says. Raises KeyError for a dtype that has no name there."""
    raw = np.ascontiguousarray(values).astype(_TYPES[values.dtype.name]).tobytes()
    return {"dtype": values.dtype.name, "shape": list(values.shape), "data": _to_text(raw)}


def unpack(packed: dict[str, Any]) -> NDArray[Any]:
    """The array. Raises BadRecord for what is none, or too large."""
    try:
        dtype, shape = np.dtype(_TYPES[packed["dtype"]]), tuple(map(int, packed["shape"]))
        raw = _from_text(packed["data"], math.prod(shape) * dtype.itemsize)
        return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadRecord(f"an array cannot be read: {error}.") from error


def pack_texts(texts: Sequence[str]) -> dict[str, Any]:
    raw = json.dumps(list(texts), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return {"count": len(texts), "bytes": len(raw), "data": _to_text(raw)}


def unpack_texts(packed: dict[str, Any]) -> tuple[str, ...]:
    """Raises BadRecord."""
    try:
        found = json.loads(_from_text(packed["data"], int(packed["bytes"])))
        if len(found) != packed["count"] or not all(isinstance(each, str) for each in found):
            raise ValueError("these are not the texts that it says")
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise BadRecord(f"texts cannot be read: {error}.") from error
    return tuple(found)


def _to_text(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 6)).decode("ascii")


def _from_text(data: str, size: int) -> bytes:
    """Exactly `size` bytes. Raises ValueError."""
    if not 0 <= size <= _MOST:
        raise ValueError(f"{size} bytes are more than the {_MOST} that are read")
    try:
        packed, unpacker = base64.b64decode(data, validate=True), zlib.decompressobj()
        raw = unpacker.decompress(packed, size + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"expected {size} bytes, and they are not what is there")
    return raw
