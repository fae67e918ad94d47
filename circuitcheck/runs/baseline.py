"""A baseline: a small text file to commit and read, and beside it the values that later runs are compared with.

The text says of each claim what it came to; it is made of the values, and holds their digest. Both files are written whole,
the values first: a run that is killed in between leaves a text whose digest is another, and that is told.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import is_plain, write_whole
from circuitcheck.report import validator
from circuitcheck.runs.reading import Record, claim_key, leaves_of, read_json, read_report
from circuitcheck.text import all_printable, printable

_MARK, _VERSION = "circuitcheck_baseline", 1
_LARGEST = 1 << 28  # bytes, unpacked
_ENDED = ("supported", "refuted", "inconclusive")
_DIGITS = 6  # of numbers in the text
_AGAIN = "pytest --circuit-baseline-update all writes both files anew"


def values_beside(path: Path) -> Path:
    return path.with_name(path.name + ".values")


def claims_in(path: Path) -> list[Record]:
    """The claims of a report, a journal or a baseline. Raises BadRecord."""
    found = None if path.suffix == ".jsonl" else read_json(path)
    if isinstance(found, dict) and _MARK in found:
        return read_baseline(path)
    return list(read_report(path)["claims"])


def read_baseline(path: Path) -> list[Record]:
    """Its claims, as reports hold them. Raises BadRecord where one of its files is missing, damaged or edited."""
    name, beside = printable(str(path)), values_beside(path)
    text = read_json(path)
    if not isinstance(text, dict) or text.get(_MARK) != _VERSION or not isinstance(text.get("values"), dict):
        raise BadRecord(f"{name} is no baseline of this version of circuitcheck: pytest --circuit-baseline FILE writes one.")
    raw = _values_of(beside)
    if hashlib.blake2b(raw, digest_size=16).hexdigest() != text["values"].get("digest"):
        raise BadRecord(
            f"{printable(str(beside))} is not the file that {name} was written with: commit both, and take both from one "
            f"revision. {_AGAIN}."
        )
    claims = _unpacked(raw, beside)
    if text != _text_of(claims, raw):
        raise BadRecord(
            f"{name} says something else than the values beside it: it was edited, or cut. It says what was measured: "
            f"{_AGAIN}."
        )
    return claims


def write_baseline(path: Path, claims: Iterable[Record]) -> None:
    """Both files. Raises OSError."""
    kept = sorted((dict(claim) for claim in claims), key=claim_key)
    raw = zlib.compress(json.dumps({"claims": kept}, allow_nan=False).encode("ascii"), 9)
    write_whole(values_beside(path), raw)
    write_whole(path, json.dumps(_text_of(kept, raw), indent=1, ensure_ascii=False) + "\n")


def updated(before: Sequence[Record], now: Sequence[Record], *, replacing: bool) -> list[Record]:
    """The claims of a baseline with those of a run: only the new ones, or in the place of the old ones. A claim that came
    to no verdict is left as it was, and one that did not run is kept."""
    found = {claim_key(claim): claim for claim in before}
    for claim in now:
        key = claim_key(claim)
        if claim["verdict"] in _ENDED and (replacing or key not in found):
            found[key] = claim
    return list(found.values())


def _values_of(path: Path) -> bytes:
    name = printable(str(path))
    try:
        if not path.exists():
            raise BadRecord(f"there is no {name}, which holds the values of the baseline: commit it beside the text.")
        if not is_plain(path, path.stat()) or path.stat().st_size > _LARGEST:
            raise BadRecord(f"{name} is no regular file of at most {_LARGEST >> 20} MB.")
        return path.read_bytes()
    except OSError as error:
        raise BadRecord(f"{name} cannot be read: {error.strerror}.") from error


def _unpacked(raw: bytes, path: Path) -> list[Record]:
    try:
        unpacker = zlib.decompressobj()
        found = json.loads(unpacker.decompress(raw, _LARGEST))
        claims: list[Record] = all_printable(found["claims"])
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRecord(f"{printable(str(path))} is damaged: {error}. {_AGAIN}.") from error
    if not validator({"type": "array", "items": {"$ref": "#/$defs/claim"}}).is_valid(claims):
        raise BadRecord(f"{printable(str(path))} was written by another version of circuitcheck. {_AGAIN}.")
    return claims


def _text_of(claims: Sequence[Record], raw: bytes) -> dict[str, Any]:
    return {
        _MARK: _VERSION,
        "values": {"digest": hashlib.blake2b(raw, digest_size=16).hexdigest()},
        "claims": {claim_key(claim): _summary(claim) for claim in claims},
    }


def _summary(claim: Record) -> dict[str, Any]:
    return {
        "claim": claim["text"],
        "verdict": claim["verdict"],
        "expected": claim["expected"],
        "model": (claim["model"] or {}).get("fingerprint"),
        "questions": [
            {
                "question": each["expression"],
                "verdict": each["verdict"],
                "estimate": _rounded(each["estimate"]),
                "interval": [_rounded(end) for end in each["ci"]],
                "prompts": each["n"],
            }
            for each in leaves_of(claim)
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
