"""What became of each claim from run to run, and which runs were no new evidence."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.report.seal import digest_of
from circuitcheck.runs.reading import Record, claim_key, leaves_of, read_report
from circuitcheck.text import in_table

_KINDS = ("*.json", "*.jsonl")
_REVISION = 12  # letters
_WRITTEN = ("claim", "when", "revision", "file", "model", "verdict", "same_as")
_HEADS = ("claim", "when", "revision", "model", "verdict", "estimate", "interval", "prompts", "")


@dataclass(frozen=True)
class Entry:
    """One claim in one run. `same_as` is the time of an earlier run with the same weights, prompts and verdict-making
    numbers, of which this one is no new evidence; empty where there is none."""

    claim: str
    when: str
    revision: str | None
    file: str
    model: str | None
    verdict: str
    questions: tuple[tuple[str, float | None, float | None, float | None, int], ...]  # text, estimate, low, high, prompts
    same_as: str = ""
    record: Record = field(default_factory=dict, repr=False)  # the claim as the run's report has it

    @property
    def text(self) -> str:
        return str(self.record["text"])


@dataclass(frozen=True)
class Cells:
    """An entry in a table. `note` says of what run it is no new evidence."""

    when: str
    revision: str
    model: str
    verdict: str
    estimate: str
    interval: str
    prompts: str
    note: str


def read_runs(paths: Iterable[Path]) -> tuple[list[tuple[Path, Record]], list[str]]:
    """The runs of files, and of folders those files that are runs, with what was passed over there. Raises BadRecord for a
    file that was named and is none."""
    found: list[tuple[Path, Record]] = []
    passed: list[str] = []
    for path in paths:
        if not path.is_dir():
            found.append((path, read_report(path)))
            continue
        for each in sorted(file for kind in _KINDS for file in path.glob(kind)):
            try:
                found.append((each, read_report(each)))
            except BadRecord as error:
                passed.append(str(error))
    return found, passed


def history(runs: Iterable[tuple[Path, Record]]) -> list[Entry]:
    """By claim, in the order of the first run that had it, then by time."""
    ordered = sorted(runs, key=lambda run: run[1]["environment"].get("time", ""))
    seen: dict[tuple[str, str], str] = {}
    by_claim: dict[str, list[Entry]] = {}
    for path, report in ordered:
        when, revision = report["environment"].get("time", ""), report["environment"].get("commit")
        for claim in report["claims"]:
            key = claim_key(claim)
            ground = key, _ground_of(claim)
            first = seen.setdefault(ground, when) if claim["measured"] else when
            entry = Entry(
                key,
                when,
                revision,
                path.name,
                (claim["model"] or {}).get("fingerprint"),
                claim["verdict"],
                tuple((each["expression"], each["estimate"], *each["ci"], each["n"]) for each in leaves_of(claim)),
                first if first != when else "",
                claim,
            )
            by_claim.setdefault(key, []).append(entry)
    return [entry for entries in by_claim.values() for entry in entries]


def as_builtins(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    names = ("expression", "estimate", "low", "high", "prompts")
    return [
        {
            **{name: getattr(entry, name) for name in _WRITTEN},
            "questions": [dict(zip(names, each, strict=True)) for each in entry.questions],
        }
        for entry in entries
    ]


def as_json(entries: Sequence[Entry]) -> str:
    return json.dumps(as_builtins(entries), indent=1) + "\n"


def as_text(entries: Sequence[Entry]) -> str:
    """A table, with a claim's name where it begins."""
    rows = [_HEADS, *((entry.claim, *astuple(cells_of(entry))) for entry in entries)]
    shown: list[tuple[str, ...]] = []
    last = ""
    for row in rows:
        shown.append(("", *row[1:]) if row[0] == last else row)
        last = row[0]
    widths = [max(len(row[place]) for row in shown) for place in range(len(_HEADS))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in shown
    )


def _ground_of(claim: Record) -> str:
    """The weights, the prompts and what was measured on them."""
    rests = [each["rests_on"] for each in leaves_of(claim) if each["rests_on"]]
    cells = [
        (each["cells"], each["rule"], comparison["n"]) for each, comparison in zip(rests, leaves_of(claim), strict=False)
    ]
    return digest_of((cells, [(each["key"], each["digests"]["data"]) for each in claim["measured"]]))


def cells_of(entry: Entry) -> Cells:
    """A claim of several comparisons has no one number."""
    note = f"the run of {day(entry.same_as)} again: no new evidence" if entry.same_as else ""
    head = day(entry.when), (entry.revision or "-")[:_REVISION], (entry.model or "-")[:8], entry.verdict
    if len(entry.questions) != 1:
        return Cells(*head, "", "", str(max((each[4] for each in entry.questions), default=0)), note)
    ((_, estimate, low, high, prompts),) = entry.questions
    return Cells(*head, in_table(estimate), f"[{in_table(low)}, {in_table(high)}]", str(prompts), note)


def day(when: str) -> str:
    return when[:16].replace("T", " ")
