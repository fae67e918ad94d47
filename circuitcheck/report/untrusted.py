"""JSON that anybody may have written."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import each_once
from circuitcheck.text import all_printable

_LARGEST = 1 << 28  # bytes
_DEEPEST = 100  # lists and dictionaries within each other
_DIGITS = 1000  # a population is a whole number, and may be larger than any float


def bytes_of(path: Path) -> bytes:
    """Raises BadRecord for what is no regular file of bounded size."""
    try:
        if not path.exists():
            raise BadRecord(f"there is no file {path}: journals are in .circuitcheck/journals of the folder of the run.")
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise BadRecord(f"{path} is no journal or report: expected a regular file of at most {_LARGEST >> 20} MB.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadRecord(f"{str(path)[:200]!r} cannot be read: {error}.") from error


def parsed(data: bytes) -> Any:
    """Its texts printable, its numbers finite. None for what is no JSON, is nested more deeply than any report, or has one
    name twice, of which another reader would take another value."""
    try:
        found = json.loads(data, parse_constant=_refuse, parse_float=_float, parse_int=_int, object_pairs_hook=each_once)
        return None if _is_deep(found) else all_printable(found)
    except (ValueError, RecursionError):
        return None


def _is_deep(found: Any) -> bool:
    level = [found]
    for _ in range(_DEEPEST):
        level = [part for each in level for part in _parts(each)]
    return bool(level)


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:30]} is beyond what a number can be")
    return value


def _int(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"{text[:30]}... has more than {_DIGITS} digits")
    return int(text)
