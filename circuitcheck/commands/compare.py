"""`circuitcheck compare`: which claims hold, moved or broke between two stored runs."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import Plain, not_written, refuse
from circuitcheck.errors import CircuitCheckError


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("compare", help="compare two runs, prompt by prompt: what holds, moved or broke; no model")
    parser.add_argument("old", type=Path, help="a JSON report, a journal or a baseline")
    parser.add_argument("new", type=Path, help="a later one")
    parser.add_argument(
        "--fail",
        default="broke",
        metavar="broke|moved|EXPR",
        help="exit with 1 where this holds: 'broke' (default; or an error now), 'moved' (or broke), or a condition on "
        "counts, such as 'broke or orphans > 0'; 'claims < 0' for never",
    )
    parser.add_argument(
        "--model", action="append", default=[], metavar="OLD=NEW", help="NEW stands in the place of OLD; repeatable"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all that was found to PATH")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="write the table to PATH as well")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0, or 1 where --fail holds; 2 for what cannot be read or written."""
    from circuitcheck.files import write_whole  # late: --help is to be quick
    from circuitcheck.runs.baseline import claims_in
    from circuitcheck.runs.compare import compare_runs
    from circuitcheck.runs.condition import failing
    from circuitcheck.runs.drift_record import whole_record
    from circuitcheck.runs.drift_table import as_markdown, write_drift
    from circuitcheck.runs.models import replaced_models

    try:
        fails = failing(given.fail)
        found = compare_runs(claims_in(given.old), claims_in(given.new), replaced_models(given.model))
    except (CircuitCheckError, ArithmeticError, ValueError) as error:
        return refuse(str(error))
    record = whole_record(found)
    write_drift(Plain(), record)
    for path, text in ((given.json, json.dumps(record, indent=1) + "\n"), (given.markdown, as_markdown(record))):
        try:
            if path is not None:
                write_whole(path, text)
        except (OSError, ValueError) as error:
            return not_written(path, error)
    if not found.claims and (found.orphans or found.fresh):
        return refuse(
            "no claim is in both runs, so nothing was compared: they are of other claims or of other models. "
            "--model OLD=NEW says that NEW stands in the place of OLD."
        )
    if fails.holds(found.counts):
        sys.stdout.write(f"failed: {fails.text}\n")
        return 1
    return 0
