"""What a user meets of a public thing: the classes of ours in its signatures, and errors."""

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

FOR_CHECKERS = {"SearchStrategy": typing.Sequence}  # names that are imported for type checkers alone


def met_in(thing: Any) -> Iterator[tuple[str, type]]:
    """(where, class) for each class of ours in the annotations of a function, or of a class's public methods and fields."""
    for where, function in _functions(thing):
        hints = _hints(function)
        yield from ((f"{where}: {name}", each) for name, hint in hints.items() for each in _classes(hint))


def _functions(thing: Any) -> Iterator[tuple[str, Any]]:
    name = getattr(thing, "__name__", str(thing))
    if inspect.isfunction(thing):
        yield name, thing
    if inspect.isclass(thing):
        yield name, thing
        for attribute in dir(thing):
            if attribute.startswith("_"):
                continue
            found = inspect.getattr_static(thing, attribute)
            found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
            if inspect.isfunction(found) and found.__module__.startswith("circuitcheck"):
                yield f"{name}.{attribute}", found


def _hints(function: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(function, localns=FOR_CHECKERS)
    return {name: hint for name, hint in hints.items() if not name.startswith("_")}


def _classes(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        if hint.__module__.startswith("circuitcheck"):
            yield hint
        return
    for part in typing.get_args(hint):
        yield from _classes(part)
