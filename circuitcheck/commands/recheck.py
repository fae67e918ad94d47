"""`circuitcheck recheck`: does a report follow from the numbers that it holds?"""

import argparse
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import refuse
from circuitcheck.errors import BadRecord


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("recheck", help="compute every interval and verdict of a report again, without a model")
    parser.add_argument("report", type=Path, help="a JSON report, as pytest --circuit-report PATH.json writes it")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0 where all agrees, 1 where something differs, 2 where there is no report to read."""
    from circuitcheck.runs.reading import read_report  # late: --help is to be quick
    from circuitcheck.runs.recheck import AGREES, DIFFERS, recheck

    try:
        claims, whole = recheck(read_report(given.report))
    except BadRecord as error:
        return refuse(str(error))
    for each in claims:
        sys.stdout.write(f"{each.word:<11}  {each.key}\n" + "".join(f"             {why}\n" for why in each.why))
    for why in whole:
        sys.stdout.write(f"{DIFFERS:<11}  {why}\n")
    counts = {word: sum(each.word == word for each in claims) for word in dict.fromkeys(each.word for each in claims)}
    said = ", ".join(f"{count} {word if count == 1 or word != AGREES else 'agree'}" for word, count in counts.items())
    sys.stdout.write(f"{len(claims)} claims: {said or 'none'}{'; the report as a whole differs' if whole else ''}\n")
    return 1 if whole or counts.get(DIFFERS) else 0
