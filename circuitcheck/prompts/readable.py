"""Is there a file that can be read to its end? Pipes and devices never end, and are not opened."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from stat import S_ISDIR

from circuitcheck.errors import BadRecord
from circuitcheck.files import is_plain


def check_readable(path: Path, known: str, *, most: int | None = None, also: Iterable[str] = ()) -> None:
    """`known` are the kinds of file that are expected, `also` names that could be meant; `most` bytes at most. Raises
    BadRecord."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(handle)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        beside = _nearest(path, (*also, *_names_in(path.parent)))
        raise BadRecord(
            f"there is no file {path} (looked for in {path.parent.absolute()}); expected {known}.{beside}"
        ) from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise BadRecord(f"{str(path)[:200]} cannot be read ({said}); expected {known}.") from error
    if S_ISDIR(status.st_mode):
        raise BadRecord(f"{path} is a folder; expected {known}.")
    if not is_plain(path, status):
        raise BadRecord(f"{path} is a device or a pipe; expected {known}.")
    if most is not None and status.st_size > most:
        raise BadRecord(f"{path} has {status.st_size >> 20} MB, and {most >> 20} MB at most are read; expected {known}.")


def _nearest(path: Path, names: Iterable[str]) -> str:
    """A suggestion by what stands before the extensions, which are often the same."""
    by_stem = {Path(name).stem.lower(): name for name in names}
    close = get_close_matches(path.stem.lower(), by_stem, 1)
    return f" Did you mean {by_stem[close[0]]!r}?" if close else ""


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
