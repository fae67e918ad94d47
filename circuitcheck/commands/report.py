"""`circuitcheck report`: a run once more, from its report or journal, also one that was killed; and runs put together."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import Plain, not_written, refuse
from circuitcheck.errors import BadRecord
from circuitcheck.settings import REPORT_FORMATS
from circuitcheck.text import printable, repeated

_MERGE = "merge"


def add_parser(commands: Any) -> None:
    formats = ", ".join(REPORT_FORMATS)
    report = commands.add_parser(
        "report",
        help="the table of a run, from its report or its journal; pages made of it; shards merged into one",
        usage=f"circuitcheck report [merge] FILE [FILE ...] [-o PATH] [-h] [--schema]   (PATH: {formats})",
    )
    report.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="a JSON report, or a journal (.circuitcheck/journals), also of a run that was killed; after the word merge, "
        "those of the parts of one suite",
    )
    report.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help=f"write it to PATH ({formats}); repeatable",
    )
    report.add_argument("--schema", action="store_true", help="print the JSON Schema that reports follow, and nothing else")
    report.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0 where the run came to its end and every claim as expected; 1 where not; 2 where a file cannot be read or written."""
    from circuitcheck.report import load_schema, write_report, write_table, wrong_with_run  # late: --help is to be quick

    if given.schema:
        sys.stdout.write(json.dumps(load_schema(), indent=2) + "\n")
        return 0
    wrong = _wrong_with(given)
    if wrong:
        return refuse(wrong)
    try:
        report = _report_of(given.files)
    except BadRecord as error:
        return refuse(str(error))
    write_table(Plain(), report)
    for line in wrong_with_run(report):
        sys.stdout.write(f"{line}\n")
    for path in given.output:
        try:
            write_report(path, report)
        except (OSError, ValueError) as error:
            return not_written(path, error)
    return 0 if report["exit_status"] == 0 and report["complete"] else 1


def _wrong_with(given: argparse.Namespace) -> str:
    """What cannot be done as asked; empty where all can."""
    files = given.files
    for path in given.output:
        if path.suffix not in REPORT_FORMATS:
            return f"{printable(str(path))}: no report of kind {path.suffix!r}; a path ends in {', '.join(REPORT_FORMATS)}."
    if files[:1] == [_MERGE]:
        twice = repeated(files[1:])
        return f"{printable(twice[0])} is named twice: name each part once." if twice else _needs(files[1:])
    if len(files) > 1:
        return f"report shows one run, and {len(files)} are given. To put them together: circuitcheck report merge FILE FILE"
    return _needs(files)


def _needs(files: list[str]) -> str:
    return "" if files else "report needs a file: name a report (.json), a file of .circuitcheck/journals, or say --schema."


def _report_of(files: list[str]) -> dict[str, Any]:
    """Raises BadRecord."""
    from circuitcheck.report import merged, read_run  # late: --help is to be quick

    if files[0] != _MERGE:
        return read_run(Path(files[0]))
    return merged({printable(file): read_run(Path(file)) for file in files[1:]})
