"""Every result as it arrives, on disk: what a killed process leaves of its run, and what `circuitcheck report` reads."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import append_line
from circuitcheck.report.figures import RoomForPictures
from circuitcheck.report.json_report import load_schema, validator
from circuitcheck.report.log import ClaimLog
from circuitcheck.report.untrusted import bytes_of, parsed

_KEPT = 20  # journals in the folder
_MOST = 100_000  # entries: 10,000 claims make some 30 MB


class Journal:
    """A file of its own for each run, one line of JSON for each entry; none without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"
        self.written = False
        self.lost = 0  # entries that could not be written
        self._room = RoomForPictures()

    def note(self, kind: str, **entry: Any) -> None:
        if self.path is not None:
            if not self.written:
                _forget_old(self.path.parent)
            if kind == "result":
                entry["claim"] = self._room.fitted(entry["claim"])
            arrived = append_line(self.path, json.dumps({"kind": kind, **entry}, allow_nan=False))
            self.written |= arrived
            self.lost += not arrived


def read_journal(path: Path) -> tuple[ClaimLog, dict[str, Any], dict[str, Any]]:
    """The log, what the run was made with, and how it ended ({} where it did not). A last line that was cut short is passed
    over. Raises BadRecord for what is no journal."""
    log, environment, end = ClaimLog(), dict[str, Any](), dict[str, Any]()
    fits = _validators()
    for number, entry in _entries(path):
        kind = entry.pop("kind", None)
        if not isinstance(kind, str) or kind not in fits or not fits[kind].is_valid(entry):
            raise BadRecord(f"{path}:{number} is no entry of a journal of circuitcheck.")
        if kind == "run":
            environment = entry["environment"]
        elif kind == "end":
            end = entry
        else:
            log.take(kind, entry)
    if not environment:
        raise BadRecord(
            f"{path} is no report that can be read, and no journal: it does not begin with what a run was made with."
        )
    return log, environment, end


def _validators() -> dict[str, Any]:
    """For each kind of entry, whether it is one: a file may hold anything."""
    claim, text = {"$ref": "#/$defs/claim"}, {"type": "string"}
    shapes: dict[str, dict[str, Any]] = {
        "run": {"environment": load_schema()["properties"]["environment"]},
        "collected": {"claims": {"type": "array", "items": claim}},
        "started": {"node": text},
        "result": {"claim": claim},
        "changed": {"fingerprint": text, "reason": text},
        "end": {"exit_status": {"type": "integer", "minimum": -(2**31), "maximum": 2**31}},
    }
    return {kind: validator({"required": [*fields], "properties": fields}) for kind, fields in shapes.items()}


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and entries, their texts printable."""
    lines = bytes_of(path).split(b"\n")
    if len(lines) > _MOST:
        raise BadRecord(f"{path} has {len(lines):,} lines, and a journal of {_MOST:,} at most is read.")
    for number, line in enumerate(lines[:-1], 1):
        entry = parsed(line)
        if not isinstance(entry, dict):
            raise BadRecord(
                f"{path}:{number} is no entry of a journal of circuitcheck, and the file is no report: expected one of "
                f".circuitcheck/journals, or a report (.json), as a run wrote it."
            )
        yield number, entry


def _forget_old(folder: Path) -> None:
    with suppress(OSError):
        for old in sorted(folder.glob("*.jsonl"))[: 1 - _KEPT or None]:
            old.unlink()
