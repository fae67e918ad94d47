"""Stored runs, read from reports, journals and baselines: any file may be given for one."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.files import each_once, is_plain
from circuitcheck.report import load_schema, read_journal, whole_report
from circuitcheck.report.seal import sealed
from circuitcheck.text import all_printable, printable

Record = Mapping[str, Any]
_LARGEST = 1 << 29  # bytes


def read_report(path: Path) -> dict[str, Any]:
    """A report that fits its schema. Raises BadRecord, which says where it does not."""
    report = read_json(path)
    if not isinstance(report, dict) or "schema_version" not in report:
        raise BadRecord(
            f"{printable(str(path))} is no report of circuitcheck: pytest --circuit-report PATH.json writes one."
        )
    problem = problem_of(report)
    if problem:
        raise BadRecord(f"{printable(str(path))} is no report of this version of circuitcheck: {problem}.")
    return dict(report)


def read_run(path: Path) -> dict[str, Any]:
    """A report, or what a journal has of one. Raises BadRecord."""
    if path.suffix != ".jsonl":
        return read_report(path)
    log, environment, end = read_journal(path)
    return sealed(whole_report(log, environment, None, end.get("exit_status", -1)))


def read_json(path: Path) -> Any:
    """What is in a file, its texts printable; a name that is there twice is refused. Raises BadRecord."""
    name = printable(str(path))[:200]
    try:
        status = path.stat()
        if not is_plain(path, status) or status.st_size > _LARGEST:
            raise BadRecord(f"{name} is no regular file of at most {_LARGEST >> 20} MB.")
        return all_printable(json.loads(path.read_bytes(), object_pairs_hook=each_once, parse_constant=_refuse))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, BadRecord):
            raise
        raise BadRecord(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def problem_of(report: Any) -> str:
    """Where a report does not fit the schema; empty where it does."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    found = best_match(Draft202012Validator(load_schema()).iter_errors(report))
    if found is None:
        return ""
    where = "/".join(map(str, found.absolute_path)) or "the whole"
    return f"{where}: {printable(found.message)[:200]}"


def claim_key(claim: Record) -> str:
    """`ioi.null[gpt2]`"""
    return str(claim["id"]) if claim["param"] is None else f"{claim['id']}[{claim['param']}]"


def leaves_of(claim: Record) -> Iterator[Record]:
    """Its comparisons, and in the place of those that have parts, these."""
    from circuitcheck.report.repeats import leaves

    return leaves(claim["comparisons"])


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
