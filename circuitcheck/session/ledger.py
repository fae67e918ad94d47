"""What was asked and looked at before, by any process: questions whatever their seed, and looks outside of claims.

Nothing here changes a verdict. It lets a result say how many tries it was picked from.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any

from circuitcheck.files import append_line
from circuitcheck.settings import LEDGER

_LONGEST_LINE = 1 << 16
_MOST_READ, _MOST_LINES = 1 << 24, 100_000  # of a longer file the end: a second's work
_TYPES: dict[str, type] = {"seed": int, "budget": int, "templates": tuple}  # other fields are text
_ROOTS = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", ".git")


@dataclass(frozen=True)
class Asked:
    """One asking of a question: `question` is what was asked without its seed and threshold; `relation` and `threshold`, a
    number in words, are those of a comparison; `expression` and `claim` are for people."""

    question: str
    claim: str
    seed: int
    budget: int
    verdict: str
    expression: str
    relation: str = ""
    threshold: str = ""

    def is_against(self, other: "Asked") -> bool:
        """Do these two not go together? Another verdict on the same, or thresholds that cannot both be as they say."""
        if self.verdict == other.verdict:
            return False
        if self.expression == other.expression:
            return True
        mine, its = self._says, other._says
        if mine is None or its is None or mine[0] == its[0]:
            return False
        (above, below) = (mine[1], its[1]) if mine[0] == "above" else (its[1], mine[1])
        return self.relation == other.relation and above >= below

    @property
    def _says(self) -> tuple[str, float] | None:
        """On which side of which threshold the number lies, where the verdict tells."""
        order = self.relation.removeprefix("all ")[:1]
        try:
            threshold = float(self.threshold)
        except ValueError:
            return None
        if order not in ("<", ">") or self.verdict not in ("supported", "refuted"):
            return None
        return ("above" if (order == ">") == (self.verdict == "supported") else "below", threshold)


@dataclass(frozen=True)
class Looked:
    """A number that was looked at outside of a claim: what was measured (`view`), on which model and stream, on prompts of
    which `templates`; `expression` is for people."""

    view: str
    model: str
    stream: str
    templates: tuple[str, ...]
    expression: str = ""


@dataclass
class Ledger:
    """One line of JSON for each asking and look, appended to `file`; in memory only without one. Lines that cannot be
    read are passed over: they only hide what was done."""

    file: Path | None = None
    _asked: dict[str, dict[Asked, None]] = field(default_factory=lambda: defaultdict(dict))
    _looked: dict[tuple[str, str], dict[Looked, None]] = field(default_factory=lambda: defaultdict(dict))
    _read_up_to: int = 0

    def asked(self, question: str) -> tuple[Asked, ...]:
        """Every asking of a question, in the order first asked."""
        self._catch_up()
        return tuple(self._asked.get(question, ()))

    def asked_by_claim(self) -> dict[str, int]:
        """How many askings there were by each claim, by its id."""
        self._catch_up()
        return dict(Counter(each.claim for asked in self._asked.values() for each in asked if each.claim))

    def looked(self, model: str, stream: str, templates: Iterable[str]) -> dict[str, str]:
        """The views of a model that were looked at on prompts of any of these templates, and what they are in words."""
        self._catch_up()
        wanted = set(templates)
        return {each.view: each.expression for each in self._looked.get((model, stream), ()) if wanted & set(each.templates)}

    def note(self, entry: Asked | Looked) -> None:
        """Kept once, however often it happens."""
        self._catch_up()
        if self._keep(entry) and self.file is not None:
            self._append({"kind": type(entry).__name__.lower(), **asdict(entry)})

    def _keep(self, entry: Asked | Looked) -> bool:
        """Is it a new one?"""
        held: dict[Any, None] = (
            self._looked[entry.model, entry.stream] if isinstance(entry, Looked) else self._asked[entry.question]
        )
        count = len(held)
        held[entry] = None
        return len(held) > count

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":"))
        if self.file is not None and len(line) < _LONGEST_LINE:
            append_line(self.file, line)  # where it cannot be written, that costs only what later runs could have said

    def _catch_up(self) -> None:
        """Read what this and other processes have appended since."""
        if self.file is None:
            return
        try:
            status = self.file.stat()
            if not S_ISREG(status.st_mode) or status.st_size <= self._read_up_to:
                return
            start = max(self._read_up_to, status.st_size - _MOST_READ)
            with self.file.open("rb") as stream:
                stream.seek(start)
                data = stream.read(status.st_size - start)
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read_up_to = start + len(whole)
        for line in whole.splitlines()[-_MOST_LINES:]:
            entry = _entry_of(line)
            if entry is not None:
                self._keep(entry)


def ledger_of_this_folder() -> Ledger:
    """The ledger that a notebook or script shares with pytest: that of the project it is in. The environment variable
    CIRCUITCHECK_LEDGER=off keeps it in memory."""
    if os.environ.get("CIRCUITCHECK_LEDGER") == "off":
        return Ledger()
    return Ledger(project_of(Path.cwd()) / LEDGER)


def project_of(folder: Path) -> Path:
    """The nearest folder, upwards, that is the root of a project; else this one."""
    return next((each for each in (folder, *folder.parents) if any((each / name).exists() for name in _ROOTS)), folder)


def _entry_of(line: bytes) -> Asked | Looked | None:
    """None for a line that is no entry, or has a field of another type."""
    entry: Asked | Looked
    try:
        found = json.loads(line)
        if found.pop("kind") == "looked":
            entry = Looked(**{**found, "templates": tuple(map(str, found["templates"]))})
        else:
            entry = Asked(**found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return entry if all(type(value) is _TYPES.get(name, str) for name, value in vars(entry).items()) else None
