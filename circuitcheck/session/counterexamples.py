"""Prompts that violated a universal claim, kept so that they are tried first next time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from circuitcheck.files import read_record, write_record

_KEPT = 8  # of each question, the latest first


@dataclass
class CounterexampleStore:
    """One JSON file for each question in `folder`; in memory only without one."""

    folder: Path | None = None
    _held: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def load(self, key: str) -> list[dict[str, Any]]:
        """What was kept, the latest first. A file that cannot be read counts as empty: it only saves time."""
        if key not in self._held:
            self._held[key] = self._read(key)
        return list(self._held[key])

    def add(self, key: str, case: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Keep `case`; `about` says in the file what it is, for people."""
        kept = [dict(case), *(each for each in self.load(key) if each != case)][:_KEPT]
        self._held[key] = kept
        if self.folder is not None:
            write_record(self.folder / f"{key}.json", {**about, "cases": kept})

    def _read(self, key: str) -> list[dict[str, Any]]:
        record = None if self.folder is None else read_record(self.folder / f"{key}.json")
        cases = (record or {}).get("cases")
        return [each for each in cases if isinstance(each, dict)][:_KEPT] if isinstance(cases, list) else []
