"""`circuitcheck history`: what became of each claim over the runs that were kept."""

import argparse
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import not_written, refuse
from circuitcheck.errors import BadRecord


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("history", help="verdict and interval of each claim by date and revision, over stored runs")
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        default=[Path(".circuitcheck/journals")],
        help="JSON reports, journals, or folders of them (default: .circuitcheck/journals)",
    )
    parser.add_argument("--claim", action="append", default=[], metavar="ID", help="only this claim; repeatable")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all of it to PATH")
    parser.add_argument("--html", type=Path, metavar="PATH", help="write a page of it to PATH")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0; 1 where there is no run or no such claim, 2 for what cannot be read or written."""
    from circuitcheck.files import write_whole  # late: --help is to be quick
    from circuitcheck.runs.history import as_json, as_text, history, read_runs
    from circuitcheck.runs.history_page import as_html

    try:
        runs, passed = read_runs(given.runs)
    except BadRecord as error:
        return refuse(str(error))
    for why in passed:
        sys.stderr.write(f"passed over: {why}\n")
    entries = [each for each in history(runs) if not given.claim or each.claim.partition("[")[0] in given.claim]
    if not entries:
        sys.stderr.write(f"no claim was found in {', '.join(map(str, given.runs))}.\n")
        return 1
    sys.stdout.write(as_text(entries))
    pages = ((given.json, as_json), (given.html, as_html))
    for path, page in pages:
        try:
            if path is not None:
                write_whole(path, page(entries))
        except (OSError, ValueError) as error:
            return not_written(path, error)
    return 0
