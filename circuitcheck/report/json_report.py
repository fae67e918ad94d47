"""The JSON report, and the schema that describes it."""

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from circuitcheck.claims.result import definitions
from circuitcheck.report.log import ClaimLog, summary_of
from circuitcheck.report.repeats import shapes
from circuitcheck.report.turns import first_turns

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

SCHEMA_VERSION = 1
RAN = (0, 1)  # exit statuses of pytest: all tests ran, and passed or not


def whole_report(
    log: ClaimLog, environment: dict[str, Any], correction: dict[str, Any] | None, exit_status: int
) -> dict[str, Any]:
    """As builtins. `correction` is advice on all claims together."""
    complete = exit_status in RAN and not log.unfinished
    return report_of(log.claims, environment, correction, exit_status, complete=complete)


def report_of(
    claims: list[dict[str, Any]],
    environment: dict[str, Any],
    correction: dict[str, Any] | None,
    exit_status: int,
    *,
    complete: bool,
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "environment": environment,
        "exit_status": int(exit_status),
        "complete": complete,
        "claims": claims,
        "summary": summary_of(claims),
        "shapes": shapes(claims),
        "turns": first_turns(claims),
        "correction": correction,
    }


def load_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report. `report.schema.json` has its frame; what is said of claims is described where
    it is made."""
    frame: dict[str, Any] = json.loads(files("circuitcheck.report").joinpath("report.schema.json").read_text("utf-8"))
    return {**frame, "$defs": {**definitions(), **frame["$defs"]}}


def validator(shape: dict[str, Any] | None = None) -> "Draft202012Validator":
    """Of a whole report, or of a shape that may refer to what is defined there."""
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(load_schema() if shape is None else {**shape, "$defs": load_schema()["$defs"]})
