"""The JSON report, and the schema that describes it (`report.schema.json` in this package)."""

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from circuitcheck.report.log import ClaimLog
from circuitcheck.report.questions import shapes

SCHEMA_VERSION = 1


def write_json(path: Path, log: ClaimLog, environment: dict[str, Any], correction: dict[str, Any] | None) -> None:
    """Written whole or not at all: a reader never sees half a report. `correction` is advice on all claims together."""
    report = {
        "schema_version": SCHEMA_VERSION,
        "environment": environment,
        "claims": log.claims,
        "summary": log.summary(),
        "shapes": shapes(log.claims),
        "correction": correction,
    }
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def load_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report."""
    schema: dict[str, Any] = json.loads(files("circuitcheck.report").joinpath("report.schema.json").read_text("utf-8"))
    return schema
