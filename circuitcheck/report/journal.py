"""Every result as it arrives, on disk: what a killed process leaves of its run, and what `circuitcheck report` reads."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import append_line
from circuitcheck.report.log import ClaimLog

_KEPT = 20  # journals in the folder
_LARGEST = 1 << 28  # bytes


class Journal:
    """A file of its own for each run, one line of JSON for each entry; none without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"
        self.written = False

    def note(self, kind: str, **entry: Any) -> None:
        if self.path is not None:
            if not self.written:
                _forget_old(self.path.parent)
            self.written = append_line(self.path, json.dumps({"kind": kind, **entry}, allow_nan=False)) or self.written


def read_journal(path: Path) -> tuple[ClaimLog, dict[str, Any], dict[str, Any]]:
    """The log, what the run was made with, and how it ended ({} where it did not). A last line that was cut short is passed
    over. Raises BadRecord for what is no journal."""
    log, environment, end = ClaimLog(), dict[str, Any](), dict[str, Any]()
    for entry in _entries(path):
        kind = entry.pop("kind", None)
        if kind == "run":
            environment = entry["environment"]
        elif kind == "end":
            end = entry
        elif kind in ("collected", "started", "result", "changed"):
            log.take(kind, entry)
    if not environment:
        raise BadRecord(f"{path} is no journal of circuitcheck: it does not begin with what the run was made with.")
    return log, environment, end


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise BadRecord(f"{path} is no journal: expected a regular file of at most {_LARGEST >> 20} MB.")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadRecord(f"{path} cannot be read: {error.strerror}.") from error
    found = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            entry = json.loads(line)
            found.append(dict(entry))
        except (ValueError, TypeError, RecursionError) as error:
            raise BadRecord(f"{path}:{number} is no entry of a journal.") from error
    return found


def _forget_old(folder: Path) -> None:
    with suppress(OSError):
        for old in sorted(folder.glob("*.jsonl"))[: 1 - _KEPT or None]:
            old.unlink()
