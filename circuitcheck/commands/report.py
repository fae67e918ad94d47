"""`circuitcheck report`: a run once more, from its journal, also one that was killed."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import not_written, refuse
from circuitcheck.errors import BadRecord


def add_parser(commands: Any) -> None:
    report = commands.add_parser("report", help="the table of a run from its journal, also of one that was killed")
    report.add_argument("journal", type=Path, nargs="?", help="a file of .circuitcheck/journals")
    report.add_argument("--json", type=Path, metavar="PATH", help="write the report to PATH as well")
    report.add_argument("--schema", action="store_true", help="print the JSON Schema that reports follow, and nothing else")
    report.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0 where the run came to its end and every claim as expected; 1 where not; 2 where no journal can be read, or no file
    be written."""
    if given.schema:
        return print_schema()
    if given.journal is None:
        return refuse("report needs a journal: name a file of .circuitcheck/journals, or say --schema.")
    return report_of(given.journal, given.json)


class _Plain:
    """Lines without colours, on standard output."""

    def section(self, title: str) -> None:
        sys.stdout.write(f"{f' {title} ':=^80}\n")

    def write_line(self, line: str, **_markup: bool) -> None:
        sys.stdout.write(f"{line}\n")


def print_schema() -> int:
    """Always 0."""
    from circuitcheck.report import load_schema  # late: --help is to be quick

    sys.stdout.write(json.dumps(load_schema(), indent=2) + "\n")
    return 0


def report_of(journal: Path, json_path: Path | None) -> int:
    from circuitcheck.report import read_journal, whole_report, write_json, write_table  # late: --help is to be quick

    try:
        log, environment, end = read_journal(journal)
    except BadRecord as error:
        return refuse(str(error))
    status = end.get("exit_status", -1)
    write_table(_Plain(), log, None, None)
    if not end:
        sys.stdout.write("the run never came to its end\n")
    try:
        if json_path is not None:
            write_json(json_path, whole_report(log, environment, None, status))
    except (OSError, ValueError) as error:
        return not_written(json_path, error)
    return 0 if status == 0 and not log.unfinished else 1
