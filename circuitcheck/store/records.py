"""Frozen results as entries, and back: texts, numbers and flags as JSON, arrays as arrays, and of each field its own type.

What a field may hold is said by its annotation; anything else that is read is refused. Nothing is run to make it.
"""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from circuitcheck.store.packing import Unreadable, pack, unpack

T = TypeVar("T")
Arrays = list[NDArray[Any]]

_ARRAY = "array"
_PLAIN = (str, bool, int, float, type(None))
_NUMBERS = tuple[float, ...]  # kept as an array


def pack_record(record: object) -> bytes:
    """Of a dataclass whose fields are plain data, arrays, tuples, mappings of texts, and dataclasses of these."""
    arrays: Arrays = []
    return pack(_said(type(record), record, arrays), arrays)


def unpack_record(kind: type[T], content: bytes) -> T:
    """Raises Unreadable for anything but a `kind`."""
    found = unpack(content)
    made: T = _made(kind, found.header, list(found.arrays))
    return made


def _said(hint: Any, value: Any, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray) or hint == _NUMBERS:
        arrays.append(np.asarray(value, dtype=None if isinstance(value, np.ndarray) else np.float64))
        return {_ARRAY: len(arrays) - 1}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _said(each, getattr(value, name), arrays) for name, each in _fields(type(value)).items()}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_said(get_args(hint)[0], each, arrays) for each in value]
    return value


def _made(hint: Any, said: Any, arrays: Arrays) -> Any:
    origin = get_origin(hint)
    if hint == _NUMBERS:
        return tuple(_array(said, np.float64, arrays, axes=1).tolist())
    if origin is np.ndarray:
        return _array(said, get_args(get_args(hint)[1])[0], arrays)
    if isinstance(hint, type) and is_dataclass(hint):
        wanted = _fields(hint)
        if not isinstance(said, dict) or set(said) != set(wanted):
            raise Unreadable(f"it is no {hint.__name__}")
        return hint(**{name: _made(each, said[name], arrays) for name, each in wanted.items()})
    if origin is tuple:
        if not isinstance(said, list):
            raise Unreadable("a list has another type")
        return tuple(_made(get_args(hint)[0], each, arrays) for each in said)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(hint), said)
    return _text_or_mapping(hint, said)


def _text_or_mapping(hint: Any, said: Any) -> Any:
    if get_origin(hint) in (dict, Mapping):
        if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
            raise Unreadable("texts by name have another type")
        return said
    return _one_of((hint,), said)


def _one_of(kinds: tuple[Any, ...], said: Any) -> Any:
    if any(kind not in _PLAIN for kind in kinds):
        raise TypeError(f"{kinds} cannot be kept")
    if type(said) not in kinds:
        raise Unreadable(f"{type(said).__name__} in the place of {' or '.join(kind.__name__ for kind in kinds)}")
    return said


def _array(said: Any, dtype: Any, arrays: Arrays, axes: int | None = None) -> NDArray[Any]:
    number = said.get(_ARRAY) if isinstance(said, dict) and set(said) == {_ARRAY} else None
    if type(number) is not int or not 0 <= number < len(arrays):
        raise Unreadable("an array is missing")
    found = arrays[number]
    if found.dtype != dtype or axes not in (None, found.ndim):
        raise Unreadable("an array has another type")
    return found


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind) if each.init}
