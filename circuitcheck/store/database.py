"""One SQLite file that any number of processes read and write at once, each entry under a checksum of its own.

A file that is damaged, or of another version, is left behind for one of the next number, and nobody waits for it: a process
that still holds it open does no harm there.
"""

import contextlib
import hashlib
import os
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

from circuitcheck.text import first_line

T = TypeVar("T")

VERSION = 1  # of the tables, and of what entries hold: a file of another one is made anew
_APPLICATION = 0x63636B76
_NAME = re.compile(r"values-(\d{1,6})\.db")
_TABLE = (
    "CREATE TABLE entries (key BLOB NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, kind TEXT NOT NULL, "
    "model TEXT NOT NULL, subject TEXT NOT NULL, made INTEGER NOT NULL, used INTEGER NOT NULL, content BLOB NOT NULL, "
    "checksum BLOB NOT NULL, PRIMARY KEY (key, start, stop))"
)
_SECONDS = 10.0  # to wait for another process, whose writes take milliseconds
_LONGEST = 1 << 28  # bytes of one entry
_DAMAGED = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_INTERNAL,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
}
_DAMAGED_EXACTLY = {sqlite3.SQLITE_IOERR_SHORT_READ}
_EACH_HOUR = 3600  # seconds: how finely it is known when an entry was used last
_SPARE = 0.9  # of the limit is left when the least recently used have gone
_CHECK_EACH = 1 << 22  # bytes written between two looks at the size


@dataclass(frozen=True)
class Entry:
    """`content` of rows [start, stop) under a key. `kind`, `model` and `subject` are for people, and decide nothing."""

    key: bytes
    start: int
    stop: int
    kind: str
    model: str
    subject: str
    content: bytes


@dataclass(frozen=True)
class Found:
    """What was read, whole; `made` in seconds since 1970."""

    start: int
    stop: int
    made: int
    content: bytes


class Database:
    """In `folder`, with `most` bytes at most. `notice` is told, once each, of what went wrong; after an error that the file
    is not to blame for, such as a full disk, nothing is read or written any more."""

    def __init__(
        self, folder: Path, most: int, notice: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self.folder, self._most, self._notice, self._clock = folder, most, notice, clock
        self._connection: sqlite3.Connection | None = None
        self._path: Path | None = None
        self._process = 0
        self._lock = threading.RLock()
        self._written = _CHECK_EACH
        self.is_off = False

    def read(self, key: bytes, start: int, stop: int) -> list[Found]:
        """Whole entries that overlap [start, stop), in order. A damaged one goes."""
        return self._try(lambda connection: self._read(connection, key, start, stop), [])

    def write(self, entries: Sequence[Entry]) -> None:
        """All of them or none; those that are there stay as they are."""
        if entries:
            self._try(lambda connection: self._write(connection, entries), None)

    def drop(self, key: bytes) -> None:
        """Entries that were whole, and said what cannot be."""
        self._try(lambda connection: self._run(connection, "DELETE FROM entries WHERE key = ?", (key,)), None)

    def ask(self, question: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of a query, or what is left of them after a change; texts as bytes."""
        return self._try(lambda connection: self._run(connection, question, values), [])

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def close(self) -> None:
        """What was written stays, and the next call opens it again."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                _close(self._connection, self._process)
                self._connection = None

    @property
    def path(self) -> Path:
        """The file that is in use, or would be."""
        return self._path or _newest(self.folder)

    # What may go wrong

    def _try(self, act: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        with self._lock:
            for again in (True, True, False):
                if self.is_off:
                    break
                try:
                    return act(self._opened())
                except (sqlite3.Error, OSError, MemoryError) as error:
                    if not again or not (_is_damage(error) or self._says_read_only(error)):
                        self._turn_off(error)
                    else:
                        self._leave_behind(error)
            return otherwise

    def _says_read_only(self, error: Exception) -> bool:
        """A damaged file may say that it is, where it can be written to."""
        allowed = all(os.access(each, os.W_OK) for each in (self.folder, self.path) if each.exists())
        return _code(error) == sqlite3.SQLITE_READONLY and allowed

    def _turn_off(self, error: Exception) -> None:
        self.close()
        self.is_off = True
        self._notice(
            f"the store of values in {self.folder} cannot be used ({_said(error)}): this run goes on without it, and "
            f"measures everything. {_advice(error)}"
        )

    def _leave_behind(self, error: Exception) -> None:
        """The file that is open, for one of the next number."""
        path = self.path
        self.close()
        self._notice(f"{path} is damaged, or no store of this version ({_said(error)}): its values are measured anew.")
        self._path = _numbered(self.folder, _number(path) + 1)
        remove(path)

    # The file

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._process != os.getpid():
            _OF_PARENTS.append(self._connection)  # after a fork it must be neither used nor closed
            self._connection = None
        if self._connection is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._path, self._process = self.path, os.getpid()
            self._connection = self._connect(self._path)
            weakref.finalize(self, _close, self._connection, self._process)
        return self._connection

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        for each in _files(path):
            if os.path.lexists(each) and not S_ISREG(each.lstat().st_mode):
                raise OSError(f"{each.name} is no regular file")
        found = sqlite3.connect(path, timeout=_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            found.text_factory = bytes
            found.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            _prepare(found)
        except BaseException:
            found.close()
            raise
        return found

    # Entries

    def _read(self, connection: sqlite3.Connection, key: bytes, start: int, stop: int) -> list[Found]:
        asked = (
            "SELECT rowid, start, stop, made, used, content, checksum FROM entries WHERE key = ? AND stop > ? AND start < ? "
            "ORDER BY start, stop"
        )
        found, damaged, now = [], [], int(self._clock())
        stale = False
        for number, begin, end, made, used, content, checksum in connection.execute(asked, (key, start, stop)):
            whole = type(begin) is int and type(end) is int and type(made) is int and type(content) is bytes
            if whole and checksum == checksum_of(key, begin, end, made, content):
                found.append(Found(begin, end, made, content))
                stale |= type(used) is not int or not 0 <= now - used < _EACH_HOUR
            else:
                damaged.append((number,))
        if damaged:
            self._notice(f"{self.path}: a damaged entry was found and dropped; its values are measured anew.")
            connection.executemany("DELETE FROM entries WHERE rowid = ?", damaged)
        if stale:
            self._run(connection, "UPDATE entries SET used = ? WHERE key = ?", (now, key))
        return found

    def _write(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        now = int(self._clock())
        rows = [
            (each.key, each.start, each.stop, each.kind, each.model, each.subject, now, now, each.content, checksum)
            for each in entries
            for checksum in [checksum_of(each.key, each.start, each.stop, now, each.content)]
        ]
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(f"INSERT OR IGNORE INTO entries VALUES ({', '.join('?' * 10)})", rows)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._written += sum(len(each.content) for each in entries)
        if self._written >= _CHECK_EACH:
            self._written = 0
            self._shrink(connection, self._most)

    def shrink_to(self, most: int) -> int:
        """Let the least recently used go until the file has `most` bytes at most. How many entries went."""
        return self._try(lambda connection: self._shrink(connection, most), 0)

    def _shrink(self, connection: sqlite3.Connection, most: int) -> int:
        size, free, each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _SIZES)
        excess = (size - free) * each - most
        if excess <= 0:
            return 0
        gone = connection.execute(_LEAST_RECENT, (excess + (1 - _SPARE) * most,)).rowcount
        _give_back(connection)
        return gone

    def compact(self) -> None:
        """Give the room of what went back to the disk."""
        self._try(_give_back, None)

    @staticmethod
    def _run(connection: sqlite3.Connection, statement: str, values: Iterable[object]) -> list[tuple[object, ...]]:
        return connection.execute(statement, tuple(values)).fetchall()


_OF_PARENTS: list[sqlite3.Connection] = []


def _close(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        with contextlib.suppress(sqlite3.Error):
            connection.close()


_SIZES = ("page_count", "freelist_count", "page_size")
_LEAST_RECENT = (  # rows beside their pages: some 200 bytes
    "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM (SELECT rowid, LENGTH(content) + 200 AS size, "
    "SUM(LENGTH(content) + 200) OVER (ORDER BY used, rowid) AS total FROM entries) WHERE total - size < ?)"
)


def checksum_of(key: bytes, start: int, stop: int, made: int, content: bytes) -> bytes:
    """Over all that is believed of an entry."""
    total = hashlib.blake2b(digest_size=16)
    total.update(f"{VERSION} {key.hex()} {start} {stop} {made} {len(content)} ".encode())
    total.update(content)
    return total.digest()


def _give_back(connection: sqlite3.Connection) -> None:
    connection.executescript("PRAGMA incremental_vacuum")  # which execute() would leave after one page
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _prepare(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.Error for what is no store of this version."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file, and before anything is in it
    _write_ahead(connection)
    connection.execute(f"PRAGMA journal_size_limit = {_CHECK_EACH}")
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last entries, and damages none
    connection.execute("BEGIN IMMEDIATE")
    try:
        schema = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        said = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if not schema and said == [0, 0]:
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif schema != [_TABLE.encode()] or said != [_APPLICATION, VERSION]:
            raise Damaged("it holds other tables than a store of this version")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Two processes that begin at once are not made to wait for each other by SQLite, so they try again."""
    end = time.monotonic() + _SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != b"wal":
                raise sqlite3.OperationalError("this file system has no shared memory for a write-ahead log")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


class Damaged(sqlite3.DatabaseError):
    """A file that SQLite reads, and that is none of ours."""


def _is_damage(error: Exception) -> bool:
    if isinstance(error, Damaged):
        return True
    return getattr(error, "sqlite_errorcode", None) in _DAMAGED_EXACTLY or _code(error) in _DAMAGED


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _said(error: Exception) -> str:
    return first_line(error)[:200] or type(error).__name__


def _advice(error: Exception) -> str:
    if _code(error) == sqlite3.SQLITE_FULL:
        return "Free some room on its disk, or name another folder: --circuit-store."
    return "Name a folder on a local disk that can be written to: --circuit-store; off for none."


def _numbered(folder: Path, number: int) -> Path:
    return folder / f"values-{number}.db"


def _number(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def databases(folder: Path) -> list[Path]:
    """Those that are there, the newest last. Raises OSError."""
    return sorted((each for each in folder.iterdir() if _NAME.fullmatch(each.name)), key=_number)


def _newest(folder: Path) -> Path:
    """Raises OSError."""
    return next(reversed(databases(folder) if folder.is_dir() else []), _numbered(folder, 0))


def remove(path: Path) -> None:
    """A database, as far as that is possible."""
    for each in _files(path):
        with contextlib.suppress(OSError):
            each.unlink()


def _files(path: Path) -> list[Path]:
    """A database, after what SQLite keeps beside it: without these it is older, and the other way round it is damaged."""
    return [*(path.with_name(path.name + end) for end in ("-wal", "-shm")), path]
