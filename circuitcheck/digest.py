"""Stable digests of plain data: the same in every process, on every machine, in every Python."""

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

# What digests begin with that tell things apart by their place in memory: no other process takes them for its own.
THIS_PROCESS = f"local:{secrets.token_hex(8)}"


def canonical(value: object) -> object:
    """`value` as JSON-able data, one form for each meaning.

    Dataclasses carry their class name, with its module where it is not ours: two of one name are not one. Floats have their
    exact hexadecimal form; fields marked `metadata={"digest": False}` are left out, those marked "if set" where they have
    their default: a field added later then leaves the digests of what does not use it as they were. Raises TypeError on
    anything that has no stable form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if _counts(field, value)]
        return {_name_of(type(value)): {field.name: canonical(getattr(value, field.name)) for field in fields}}
    if isinstance(value, tuple | list):
        return [canonical(item) for item in value]
    if isinstance(value, frozenset):
        return {"set": sorted(json.dumps(canonical(item), sort_keys=True) for item in value)}
    if isinstance(value, Mapping):
        return {"map": [[canonical(key), canonical(item)] for key, item in sorted(value.items())]}
    raise TypeError(f"{type(value).__name__} has no stable form to take a digest of: {value!r}")


def _name_of(kind: type) -> str:
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def _counts(field: "dataclasses.Field[object]", value: object) -> bool:
    marked = field.metadata.get("digest", True)
    return bool(marked) and (marked != "if set" or getattr(value, field.name) != field.default)


def digest(value: object) -> str:
    """32 hexadecimal digits of blake2b over the canonical form of `value`."""
    text = json.dumps(canonical(value), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Digested:
    """What has a digest that is taken once: `_digest` is set when it is made, and tells it apart. (A dataclass makes a hash
    of its own unless its class names one: `__hash__ = Digested.__hash__`.)"""

    _digest: str

    @property
    def digest(self) -> str:
        return self._digest

    def __hash__(self) -> int:
        return hash(self._digest)


def function_in_words(function: Any) -> str:
    """A function's name, its code as far as that has no addresses in it, and the plain values that it holds."""
    if isinstance(function, partial):
        return f"partial {function_in_words(function.func)} {_plain((*function.args, *function.keywords.values()))}"
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", type(function).__name__)
    if code is None:
        return str(name)
    cells = [each.cell_contents for each in getattr(function, "__closure__", None) or ()]
    held = _plain((*code.co_consts, *cells, *(getattr(function, "__defaults__", None) or ())))
    return f"{name} {code.co_code.hex()} {code.co_names} {held}"


def _plain(values: Iterable[object]) -> list[object]:
    return [each for each in values if isinstance(each, int | float | str)]
