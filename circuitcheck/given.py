"""Numbers and lists as a user gives them: numpy's and tensors of one number count as numbers, everything else is told in
words."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from circuitcheck.text import shown

MakeError = Callable[[str], Exception]


def number_of(given: Any) -> float | None:
    """Of a number, also numpy's or a tensor of one; else None."""
    found = _single(given)
    return None if isinstance(found, bool) or not isinstance(found, Real) else float(found)


def whole_of(given: Any) -> int | None:
    """Of a whole number, also numpy's or a tensor of one; else None."""
    found = _single(given)
    return None if isinstance(found, bool) or not isinstance(found, Integral) else int(found)


def checked_number(what: str, given: object, error: MakeError, expected: str = "a number") -> float:
    """Raises `error` for what is none, or not finite."""
    found = number_of(given)
    if found is None or not math.isfinite(found):
        raise error(f"{what}={shown(given)}; expected {expected}{_unquoted(given, found)}.")
    return found


def checked_whole(what: str, given: object, error: MakeError, least: int | None = 1, why: str = "") -> int:
    """Raises `error` for what is no whole number, or less than `least`, for `why`."""
    found = whole_of(given)
    if found is None or (least is not None and found < least):
        wanted = "a whole number" + (f" from {least}" if least is not None else "")
        raise error(f"{what}={shown(given)}; expected {wanted}{why}{_unquoted(given, found)}.")
    return found


def refuse_set(what: str, given: object, error: MakeError) -> None:
    """A set has another order in each process, and prompts would be other ones. Raises `error`."""
    if isinstance(given, set | frozenset):
        raise error(f"{what} is a set, whose order differs from run to run, and so would the prompts: give a list.")


def _single(given: Any) -> Any:
    """What a tensor of one number, or a numpy number, holds."""
    return given.item() if getattr(given, "shape", None) == () and callable(getattr(given, "item", None)) else given


def _unquoted(given: object, found: float | None) -> str:
    """What to write where a number stands in quotes, or is a whole number as a float."""
    text = given.strip() if isinstance(given, str) else ""
    if text.replace(".", "", 1).removeprefix("-").isdecimal():
        return f": write {text} without quotes"
    if found is None and isinstance(given, float) and given.is_integer():
        return f": write {given:.0f}"
    return ""
