"""Small files of a checkpoint: of bounded size, and of the shape that libraries take for granted."""

import json
import os
from pathlib import Path
from typing import Any

from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.files import is_plain
from circuitcheck.models import ModelSpec
from circuitcheck.text import first_line

_POINTER = b"version https://git-lfs"


def read_object(spec: ModelSpec, path: Path, most: int) -> dict[str, Any]:
    """The JSON object in a file of at most so many bytes. Raises CorruptCheckpoint, which names the file."""
    try:
        status = os.stat(path)
        if not is_plain(path, status) or status.st_size > most:
            raise CorruptCheckpoint(f"{spec}: {path.name} is no file of at most {most >> 20} MB. Get a fresh copy.")
        check_no_pointer(spec, path)
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptCheckpoint(
            f"{spec}: {path.name} cannot be read ({first_line(error)[:200]}). Get a fresh copy."
        ) from error
    if not isinstance(found, dict):
        raise CorruptCheckpoint(f"{spec}: {path.name} holds a {type(found).__name__}, not an object. Get a fresh copy.")
    return found


def check_no_pointer(spec: ModelSpec, path: Path) -> None:
    """Raises CorruptCheckpoint for what Git LFS puts in the place of a file that was not fetched."""
    with path.open("rb") as stream:
        beginning = stream.read(len(_POINTER))
    if beginning == _POINTER:
        raise CorruptCheckpoint(
            f"{spec}: {path.name} is a pointer of Git LFS, not the file itself. Run `git lfs pull` in the repository that "
            f"it is from."
        )
