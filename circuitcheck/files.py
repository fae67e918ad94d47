"""Files of our own, read and written so that nothing is lost: whole or not at all, regular files only, of bounded size."""

import errno
import json
import os
import tempfile
from contextlib import suppress
from os import PathLike
from pathlib import Path
from stat import S_ISREG
from typing import Any

from circuitcheck.text import repeated

_LARGEST = 1 << 24  # bytes of one stored record


def expanded(path: str | PathLike[str]) -> Path:
    """With the home folder that `~` stands for, where there is one."""
    return Path(os.path.expanduser(path))


def write_whole(path: Path, content: str | bytes) -> None:
    """Under a name that no other process has, then in its place: a reader never sees half, and a link there is replaced,
    not followed. Raises OSError, and leaves what was there, if that is no regular file as well."""
    _check_regular(path)
    handle, part = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def try_to_write(path: Path) -> None:
    """Make its folder, and a file there that goes again. Raises OSError where a file could not be written."""
    _check_regular(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".circuitcheck.", suffix=".part", dir=path.parent)
    os.close(handle)
    os.unlink(part)


def read_record(path: Path) -> dict[str, Any] | None:
    """A JSON object. None where there is no file, or what is there is no regular file, too large, or no such object: it is
    then made anew."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(handle)
            if not S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return None
            found = json.loads(stream.read())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def write_record(path: Path, record: dict[str, Any]) -> None:
    """A folder that cannot be written to costs only what the record would have saved."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def append_line(path: Path, line: str) -> bool:
    """In one write, so that other processes see whole lines. False where it could not be written; nothing of it then stays,
    unless another process has written since."""
    data = (line + "\n").encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW, 0o644)
        try:
            if not S_ISREG(os.fstat(handle).st_mode):
                return False
            written = os.write(handle, data)
            if written < len(data) and os.fstat(handle).st_size == (end := os.lseek(handle, 0, os.SEEK_CUR)):
                os.ftruncate(handle, end - written)
            return written == len(data)
        finally:
            os.close(handle)
    except OSError:
        return False


def is_plain(path: Path, status: os.stat_result) -> bool:
    """Is it a file that ends: no pipe, no device, and none of the system's own, which only look like files?"""
    return S_ISREG(status.st_mode) and not os.path.realpath(path).startswith("/proc/")


def _check_regular(path: Path) -> None:
    """Raises OSError, also for a name that no file can have."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EEXIST, "what is there is no regular file", str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` of a JSON reader. Raises ValueError for a name that is there twice, of which a reader would
    take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = repeated(name for name, _ in pairs)
        raise ValueError(f"{twice[0]!r} is there more than once")
    return found
