"""Claims that were registered before they were measured: a file of what each says, to commit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.report.seal import digest_of
from circuitcheck.runs.reading import Record, claim_key, read_json
from circuitcheck.text import printable

_MARK, _VERSION = "circuitcheck_registered", 1
_SAID = {
    "text": "its sentence",
    "expected": "what is expected",
    "scope": "its scope",
    "family": "its family",
    "margin": "its margin",
    "settings": "its settings",
    "asserts": "what its test asserts",
    "test_digest": "its test function",
}


def lock_of(claims: Iterable[Record], asked: Mapping[str, int], when: str) -> dict[str, Any]:
    """What is said of each claim, and how often it was `asked`, by its id, before."""
    return {
        _MARK: _VERSION,
        "registered": when,
        "claims": {claim_key(claim): _entry(claim, asked.get(claim["id"], 0)) for claim in claims},
    }


def merged(old: Record | None, new: dict[str, Any]) -> dict[str, Any]:
    """A claim that says what it said keeps the day of its registration."""
    for key, entry in new["claims"].items():
        entry["registered"] = new["registered"]
        before = (old or {"claims": {}})["claims"].get(key)
        if before is not None and before["digest"] == entry["digest"]:
            entry.update(registered=before["registered"], asked_before=before["asked_before"])
    return {name: value for name, value in new.items() if name != "registered"}


def read_lock(path: Path) -> dict[str, Any]:
    """Raises BadRecord for what is no such file, and for an entry that was edited."""
    found, name = read_json(path), printable(str(path))
    entries = found.get("claims") if isinstance(found, dict) and found.get(_MARK) == _VERSION else None
    if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
        raise BadRecord(f"{name} is no file of registered claims: circuitcheck register FOLDER -o {name} writes one.")
    edited = [key for key, entry in entries.items() if entry["digest"] != _digest(entry)]
    if edited:
        raise BadRecord(f"{name}: what it says of {edited[0]} was edited: register claims by circuitcheck register.")
    return dict(found)


def registration(lock: Record, claim: Record, began: str) -> dict[str, Any]:
    """What a report says of a claim whose run `began` then."""
    entry = lock["claims"].get(claim_key(claim))
    if entry is None:
        return {"when": None, "before_measured": False, "changes": []}
    first = not entry["asked_before"] and entry["registered"] <= began
    return {"when": entry["registered"], "before_measured": first, "changes": list(_changes(entry, claim))}


def in_words(found: Sequence[Record]) -> str:
    """For the last lines of a run."""
    parts = [
        (sum(each["before_measured"] and not each["changes"] for each in found), "registered before they were measured"),
        (sum(bool(each["changes"]) for each in found), "say something else than what was registered"),
        (
            sum(each["when"] is not None and not each["before_measured"] and not each["changes"] for each in found),
            "registered after a measurement",
        ),
        (sum(each["when"] is None for each in found), "not registered"),
    ]
    return f"of {len(found)} claims: {', '.join(f'{count} {said}' for count, said in parts if count) or 'none'}"


def _entry(claim: Record, asked: int) -> dict[str, Any]:
    entry = {"model": claim["param"], **{name: claim[name] for name in _SAID}}
    return {**entry, "digest": _digest(entry), "asked_before": asked}


def _digest(entry: Record) -> str:
    return digest_of({name: entry[name] for name in ("model", *_SAID)})


def _is_entry(entry: object) -> bool:
    wanted = {"model", "digest", "asked_before", "registered", *_SAID}
    return isinstance(entry, dict) and set(entry) == wanted and isinstance(entry["registered"], str)


def _changes(entry: Record, claim: Record) -> Iterator[str]:
    for name, what in _SAID.items():
        if entry[name] != claim[name]:
            yield f"{what} changed" if name == "test_digest" else f"{what} was {entry[name]}, and is {claim[name]}"
