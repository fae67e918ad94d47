"""Prompts that violated a universal claim, kept so that they are tried first next time."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
            self._write(key, {**about, "cases": kept})

    def _read(self, key: str) -> list[dict[str, Any]]:
        if self.folder is None:
            return []
        try:
            found = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            return [each for each in found["cases"] if isinstance(each, dict)]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _write(self, key: str, content: Mapping[str, Any]) -> None:
        assert self.folder is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = self.folder / f"{key}.{os.getpid()}.partial"  # other workers may write the same question
            partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            partial.replace(self.folder / f"{key}.json")
        except OSError:
            return  # a folder that cannot be written to costs only the replay
