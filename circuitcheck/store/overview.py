"""What a store holds, for people, and what they let go of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from circuitcheck.store.database import Database, databases, remove
from circuitcheck.text import printable

_DAY = 86_400  # seconds
_SUMS = (
    "SELECT kind, model, subject, COUNT(DISTINCT key), SUM(stop - start), SUM(LENGTH(content)), MIN(made), MAX(made), "
    "MAX(used) FROM entries GROUP BY kind, model, subject ORDER BY kind DESC, model, subject"
)


@dataclass(frozen=True)
class Held:
    """Entries of one kind, model and subject, a task: `cells` and the `values` of all of them together; days as texts."""

    kind: str
    model: str
    subject: str
    cells: int
    values: int
    bytes: int
    since: str
    until: str
    used: str


def is_there(folder: Path) -> bool:
    """Is there a store in this folder?"""
    try:
        return folder.is_dir() and bool(databases(folder))
    except OSError:
        return False


def overview(database: Database) -> list[Held]:
    """Of all that is in a store, whole or not."""
    return [_held(row) for row in database.ask(_SUMS)]


def _held(row: Sequence[object]) -> Held:
    kind, model, subject = map(_text, row[:3])
    cells, values, size = map(_number, row[3:6])
    since, until, used = (_day(_number(each)) for each in row[6:])
    return Held(kind, model, subject, cells, values, size, since, until, used)


def prune(database: Database, *, days: float | None = None, most_mb: int | None = None, everything: bool = False) -> int:
    """Let go of what was not used for so many days, of the least recently used beyond so many megabytes, or of all. How many
    entries went."""
    before = _count(database)
    if everything:
        database.ask("DELETE FROM entries")
        for old in databases(database.folder):
            if old != database.path:
                remove(old)
    if days is not None:
        database.ask("DELETE FROM entries WHERE used < ?", int(database.now() - days * _DAY))
    gone = before - _count(database)
    if most_mb is not None:
        gone += database.shrink_to(most_mb << 20)
    database.compact()
    return gone


def _count(database: Database) -> int:
    return sum(_number(row[0]) for row in database.ask("SELECT COUNT(*) FROM entries"))


def _text(found: object) -> str:
    return printable(found.decode("utf-8", "replace")) if isinstance(found, bytes) else ""


def _number(found: object) -> int:
    """A damaged entry may hold anything."""
    return found if isinstance(found, int) else 0


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "?"
