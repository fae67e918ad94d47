"""The header of a safetensors file, read within bounds: which tensors it holds, and of what type.

The format: https://github.com/huggingface/safetensors#format
"""

import json
import struct
from pathlib import Path
from typing import Any

from circuitcheck.files import each_once

_LARGEST = 1 << 24  # bytes: a tensor takes some hundred
_MOST_TENSORS = 1 << 16  # a large model of experts has some thousands
_METADATA = "__metadata__"


def read_types(path: Path) -> dict[str, str]:
    """The type of each tensor by its name, such as F32. Raises OSError, and ValueError for what is no such header."""
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        size = path.stat().st_size
        if not 0 < length <= min(_LARGEST, size - 8):
            raise ValueError(f"it has {size} bytes, and its header would have {length}; {_LARGEST} at most are read")
        said = stream.read(length)
    if (count := said.count(b'"data_offsets"')) > _MOST_TENSORS:
        raise ValueError(f"its header names {count:,} tensors, and {_MOST_TENSORS:,} at most are read")
    header = json.loads(said.decode("utf-8"), object_pairs_hook=each_once)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    header.pop(_METADATA, None)
    for name, entry in header.items():
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("dtype"), str)
            or not _is_place(entry.get("data_offsets"))
        ):
            raise ValueError(f"its header does not say the type and place of {name!r}")
    _check_places({name: entry["data_offsets"] for name, entry in header.items()}, size - 8 - length)
    return {name: entry["dtype"] for name, entry in header.items()}


def _is_place(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and all(type(each) is int and each >= 0 for each in found)


def _check_places(places: dict[str, list[int]], size: int) -> None:
    """Tensors lie one after another, from the end of the header to that of the file."""
    place = 0
    for name, (begin, end) in sorted(places.items(), key=lambda item: item[1]):
        if begin != place or end < begin:
            raise ValueError(f"its tensor {name!r} lies at bytes {begin} to {end} of the data, expected from {place}")
        place = end
    if place != size:
        raise ValueError(f"its tensors end at byte {place} of the data, and it has {size}")
