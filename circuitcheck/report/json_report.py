"""The JSON report, and the schema that describes it."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from circuitcheck.claims.result import definitions
from circuitcheck.files import write_whole
from circuitcheck.report.log import ClaimLog, summary_of
from circuitcheck.report.repeats import shapes
from circuitcheck.report.seal import sealed

SCHEMA_VERSION = 1
_RAN = (0, 1)  # exit statuses of pytest: all tests ran, and passed or not


def whole_report(
    log: ClaimLog, environment: dict[str, Any], correction: dict[str, Any] | None, exit_status: int
) -> dict[str, Any]:
    """As builtins. `correction` is advice on all claims together."""
    claims = log.claims
    return {
        "schema_version": SCHEMA_VERSION,
        "environment": environment,
        "exit_status": int(exit_status),
        "complete": exit_status in _RAN and not log.unfinished,
        "claims": claims,
        "summary": summary_of(claims),
        "shapes": shapes(claims),
        "correction": correction,
    }


def write_json(path: Path, report: dict[str, Any]) -> None:
    """With digests of what it says. Written whole or not at all: a reader never sees half a report. Raises OSError."""
    write_whole(path, json.dumps(sealed(report), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def load_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report. `report.schema.json` has its frame; what is said of claims is described where
    it is made."""
    frame: dict[str, Any] = json.loads(files("circuitcheck.report").joinpath("report.schema.json").read_text("utf-8"))
    return {**frame, "$defs": {**definitions(), **frame["$defs"]}}
