"""Is a checkpoint what it was when it was loaded? Told by its files' sizes, times and inodes, without reading them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from circuitcheck.digest import digest
from circuitcheck.engine.torch.loading.checkpoints import folder_of, locate
from circuitcheck.errors import CircuitCheckError
from circuitcheck.models import ModelSpec

SETTLED = 2.0  # seconds: what was changed since may be changed again within one tick of its file system's clock
_MOST = 10_000  # files


def files_digest(spec: ModelSpec) -> str | None:
    """Of every file of a model's spec. None for what has no files here, or where `state_digest` says nothing."""
    try:
        location, arguments = locate(spec)
        name = arguments.get("gguf_file")
        path = Path(location, name) if name else folder_of(spec, location, arguments)
    except (OSError, ValueError, CircuitCheckError):  # loading says it in words
        return None
    return state_digest(path)


def state_digest(path: Path) -> str | None:
    """Of a file, or of every file below a folder. No program can set the time of the last change of a file's state, which
    an edit moves even where the time of the last change of its content is put back. None where there are no files, or too
    many, or some that were changed just now."""
    try:
        states = sorted(_states(path))
    except (OSError, ValueError):
        return None
    newest = max((state[3] for state in states), default=None)
    if newest is None or len(states) > _MOST or newest > time.time_ns() - SETTLED * 1e9:
        return None
    return digest((str(path.absolute()), states))


def _states(path: Path) -> Iterator[tuple[str, int, int, int, int, int]]:
    """(name, size, time of change, time of change of its state, device, inode), of what a link leads to. Raises OSError."""
    found = _walk(path) if path.is_dir() else iter([path])
    for number, file in enumerate(found):
        if number > _MOST:
            return
        for state in (file.stat(), file.lstat()):
            name = str(file.relative_to(path))
            yield name, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_dev, state.st_ino


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        if any(os.path.islink(os.path.join(root, each)) for each in folders):
            raise OSError("a link to a folder is not looked into")
        yield from (Path(root, name) for name in sorted(names))


def _raise(error: OSError) -> None:
    raise error
