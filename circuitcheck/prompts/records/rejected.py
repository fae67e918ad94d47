"""Rows that cannot be used, in one error."""

import re
from collections.abc import Iterator, Sequence

from circuitcheck.prompts.records.record import Rejected
from circuitcheck.text import counted

_SHOWN = 1000  # lines of an error: more would be another file
_MANY_ALIKE, _OF_ALIKE = 20, 3  # so many rows with the same mistake are too many to name, and so many are named
_GIVEN = re.compile(r"'[^']*'|\d+")  # what a reason quotes of its row


def describe_rejected(name: str, bad: Sequence[Rejected], good: int) -> str:
    """Every bad row and why; of many with the same mistake a few, and where the others are."""
    rest = " (strict=False leaves them out and counts them)" if good else ""
    head = f"{name}: {len(bad)} of {counted(len(bad) + good, 'row')} cannot be used{rest}"
    if not good and len(bad) > 1 and len({each.reason for each in bad}) == 1:
        return f"{head}\n  every row, as {bad[0]}"
    lines = list(_lines(bad))
    more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n  ".join([head, *lines[:_SHOWN], *more])


def _lines(bad: Sequence[Rejected]) -> Iterator[str]:
    """Mistakes of few rows first, row by row."""
    mistakes = [_GIVEN.sub("", each.reason) for each in bad]
    alike: dict[str, list[Rejected]] = {}
    for mistake, each in zip(mistakes, bad, strict=True):
        alike.setdefault(mistake, []).append(each)
    many = {mistake: rows for mistake, rows in alike.items() if len(rows) > _MANY_ALIKE}
    yield from (str(each) for mistake, each in zip(mistakes, bad, strict=True) if mistake not in many)
    for rows in many.values():
        yield from map(str, rows[:_OF_ALIKE])
        yield f"... and {len(rows) - _OF_ALIKE} more like these, from {rows[_OF_ALIKE].place} to {rows[-1].place}"
