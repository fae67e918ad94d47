"""Text that others wrote, such as prompts and errors, made fit to print and to store."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

Word = TypeVar("Word", str, int)

_LONGEST_WORD, _SHOWN, _REPR = 1000, 100, 80
_SMALLEST, _ROUNDED = 5e-4, 1e-6  # what three decimals show as 0.000, and what is shown so
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but line feed and tab of Unicode's Cc and Cs
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def printable(text: str) -> str:
    """Control characters, which a terminal obeys, and lone surrogates, which no file holds, as escapes."""
    return _UNFIT.sub(_escaped, text)


def in_reading_order(text: str) -> str:
    """Signs that turn the order of what follows them around, which a page or terminal obeys, as escapes."""
    return _TURNING.sub(_escaped, text)


def brief(text: str) -> str:
    """Words of more than a thousand letters, which only a file's damage or an attacker makes, by their beginning."""
    if len(text) <= _LONGEST_WORD:
        return text
    return _LONG_WORD.sub(lambda found: f"{found[0][:_SHOWN]}... ({len(found[0]):,} letters)", text)


def shown(given: object) -> str:
    """The repr of what somebody gave, on one line and cut: that of a model runs over pages."""
    try:
        words = " ".join(repr(given).split())
    except Exception:  # noqa: BLE001 - it may raise anything
        words = f"{a_kind(given)} without a repr"
    return words if len(words) <= _REPR else f"{words[: _REPR - 3]}..."


def a_kind(thing: object) -> str:
    """`an int`, `a Model`."""
    name = type(thing).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def in_table(value: float | None, sign: str = "") -> str:
    """To three decimals; a smaller number by its first digits, down to a millionth, below which rounding lies. `sign` is
    that of a format. None, an undefined number, is a dash."""
    if value is None:
        return "-"
    if _ROUNDED <= abs(value) < _SMALLEST:
        return f"{value:{sign}.1e}"
    return f"{round(value, 3) + 0.0:{sign}.3f}"  # 0.000 has no sign


def counted(number: int, noun: str) -> str:
    """`1 prompt`, `2 prompts`, `1,024 prompts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def all_printable(value: Any) -> Any:
    """Every string in lists and dictionaries."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [all_printable(each) for each in value]
    if isinstance(value, dict):
        return {printable(key): all_printable(each) for key, each in value.items()}
    return value


def first_line(error: BaseException) -> str:
    """What an error says, also one that cannot say it."""
    try:
        return printable((str(error).splitlines() or [""])[0])
    except Exception as second:  # noqa: BLE001 - it may raise anything
        return f"(its text raises {type(second).__name__})"


def repeated(names: Iterable[Word]) -> list[Word]:
    """Those that are there more than once, in the order of the first."""
    return [name for name, count in Counter(names).items() if count > 1]


def suggestion(given: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """` Did you mean 'END'?` where one of the known words is near the given one, in whatever case; else nothing."""
    close = nearest(given, known, cutoff)
    return f" Did you mean {close!r}?" if close else ""


def nearest(given: str, known: Iterable[str], cutoff: float) -> str:
    """The known word that is near the given one, in whatever case; empty where none is."""
    by_lower = {word.lower(): word for word in known}
    close = get_close_matches(given.lower(), by_lower, 1, cutoff)
    return by_lower[close[0]] if close else ""


def no_attribute(thing: object, name: str, hints: Mapping[str, str]) -> AttributeError:
    """For the `__getattr__` of what users hold: what they may have meant. `hints` are sentences for names of other tools."""
    said = f"{a_kind(thing)} has no attribute {name!r}."
    if name.startswith("_"):
        return AttributeError(said)
    near = suggestion(name, (each for each in dir(type(thing)) if not each.startswith("_")), cutoff=0.75)
    return AttributeError(f"{said} {hints[name]}" if name in hints else f"{said}{near}")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
