"""A run that was written down: a JSON report, or a journal."""

from pathlib import Path
from typing import Any

from circuitcheck.errors import BadRecord
from circuitcheck.report.journal import read_journal
from circuitcheck.report.json_report import SCHEMA_VERSION, validator, whole_report
from circuitcheck.report.untrusted import bytes_of, parsed


def read_run(path: Path) -> dict[str, Any]:
    """What the JSON report of the run holds. Raises BadRecord for what is neither a report nor a journal."""
    found = parsed(bytes_of(path))
    if isinstance(found, dict) and "kind" not in found:
        return _checked(path, found)
    log, environment, end = read_journal(path)
    return whole_report(log, environment, None, end.get("exit_status", -1))


def _checked(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    version = report.get("schema_version")
    if version != SCHEMA_VERSION:
        raise BadRecord(
            f"{path} is no report of version {SCHEMA_VERSION}, which is read here (schema_version: {version!r})."
        )
    wrong = next(validator().iter_errors(report), None)
    if wrong is not None:
        where = "/".join(map(str, wrong.instance_path)) or "the whole"
        raise BadRecord(
            f"{path} is no report as `circuitcheck report --schema` describes it: {where}: {wrong.message[:200]}. "
            f"Was it edited, or made by another version?"
        )
    return report
