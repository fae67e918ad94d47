"""Stored runs, and what is asked of them: any file may be given for one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.report import read_run
from circuitcheck.report.repeats import claim_name, leaves
from circuitcheck.report.seal import sealed
from circuitcheck.report.untrusted import bytes_of, parsed
from circuitcheck.text import printable

Record = Mapping[str, Any]


def read_report(path: Path) -> dict[str, Any]:
    """A report that fits its schema, or what a journal has of one. Raises BadRecord, which says where it does not."""
    report = read_run(path)
    return report if "digest" in report else sealed(report)  # a journal holds no digests


def read_json(path: Path) -> Any:
    """What is in a file, its texts printable. Raises BadRecord."""
    found = parsed(bytes_of(path))
    if found is None:
        name = printable(str(path))[:200]
        raise BadRecord(f"{name} cannot be read: it is no JSON, is nested too deeply, or names something in it twice.")
    return found


def claim_key(claim: Record) -> str:
    """`ioi.null[gpt2]`"""
    return claim_name(dict(claim))


def leaves_of(claim: Record) -> Iterator[Record]:
    """Its comparisons, and in the place of those that have parts, these."""
    return leaves(claim["comparisons"])
