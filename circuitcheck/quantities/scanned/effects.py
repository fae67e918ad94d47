"""What claims say of a feature: read from the JSON report of a run (`--circuit-report`), by the receipts that name it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import expanded
from circuitcheck.prompts.readable import check_readable
from circuitcheck.text import first_line, shown

_LARGEST = 1 << 27  # bytes: a report of 10,000 claims has some 30 MB
_NAMED = re.compile(r"(?P<dictionary>.*)\[(?P<numbers>[\d\-, ]+)\]", re.DOTALL)


@dataclass(frozen=True)
class ClaimEffect:
    """A claim in which a feature was changed: its `text`, `verdict` and (expression, estimate, low, high) of its
    comparisons; the `intervention`, and that the feature fired on `fires` of `prompts` before."""

    claim: str
    text: str
    verdict: str
    intervention: str
    fires: int
    prompts: int
    comparisons: tuple[tuple[str, float | None, float | None, float | None], ...]


def effects_of(report: Mapping[str, Any], dictionary: str, number: int) -> tuple[ClaimEffect, ...]:
    """Of a feature, named by its dictionary and number, in the order of the claims."""
    return tuple(_found(report, dictionary, number))


def read_report(path: str | PathLike[str]) -> dict[str, Any]:
    """Raises BadRecord for what is no report of circuitcheck."""
    if not isinstance(path, str | PathLike):
        raise BadRecord(f"claims={shown(path)}; expected the path of a JSON report (pytest --circuit-report PATH).")
    file = expanded(path)
    check_readable(file, "a JSON report (pytest --circuit-report PATH)", most=_LARGEST)
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadRecord(f"claims: {file} is not JSON that can be read ({first_line(error)}).") from error
    if not isinstance(found, dict) or not isinstance(found.get("claims"), list):
        raise BadRecord(f"claims: {file} is no report of circuitcheck: it has no list of claims.")
    return found


def _found(report: Mapping[str, Any], dictionary: str, number: int) -> Iterator[ClaimEffect]:
    try:
        for claim in report["claims"]:
            for receipt in claim.get("receipts", ()):
                for feature in receipt.get("features", ()):
                    if _names(feature["feature"], dictionary, number):
                        yield _effect(claim, receipt, feature)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"claims: a claim in the report is not as circuitcheck writes it ({first_line(error)}).") from error


def _effect(claim: Mapping[str, Any], receipt: Mapping[str, Any], feature: Mapping[str, Any]) -> ClaimEffect:
    comparisons = tuple(
        (str(each["expression"]), each["estimate"], each["ci"][0], each["ci"][1]) for each in claim["comparisons"]
    )
    return ClaimEffect(
        claim=str(claim["id"]),
        text=str(claim["text"]),
        verdict=str(claim["verdict"]),
        intervention=str(receipt["intervention"]),
        fires=int(feature["fires"]),
        prompts=int(receipt["prompts"]),
        comparisons=comparisons,
    )


def _names(feature: str, dictionary: str, number: int) -> bool:
    """`quotes-q[7]`, or of a set that was too large to be shown one by one, `quotes-q[3, 7-90]`."""
    found = _NAMED.fullmatch(feature)
    if not found or found["dictionary"] != dictionary:
        return False
    for part in found["numbers"].split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= number <= int(last or first):
            return True
    return False
