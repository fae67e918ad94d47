"""`circuitcheck selftest`: how often this tool errs, on numbers whose truth is known."""

import argparse
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    check = commands.add_parser("selftest", help="measure this tool's own error rates on numbers whose truth is known")
    check.add_argument("--full", action="store_true", help="10,000 claims of each kind, instead of a minute's worth")
    check.add_argument("--seed", type=int, default=0)
    check.add_argument("--markdown", type=Path, metavar="PATH", help="write the table to PATH as well")
    check.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """1 where an error rate is too high."""
    from circuitcheck.selftest.run import main as selftest  # late: it brings torch

    return selftest(full=given.full, seed=given.seed, markdown=given.markdown)
