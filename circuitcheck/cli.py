"""The command line: what `circuitcheck/commands` holds, put together."""

import argparse
from importlib.metadata import version

from circuitcheck.commands import (
    compare,
    doctor,
    history,
    init,
    recheck,
    register,
    report,
    rerun,
    selftest,
    store,
    sweep,
)

COMMANDS = (init, doctor, selftest, report, recheck, rerun, compare, register, history, store, sweep)


def command_line() -> argparse.ArgumentParser:
    """What `circuitcheck` takes."""
    parser = argparse.ArgumentParser(prog="circuitcheck", description="Test circuit hypotheses on language models.")
    parser.add_argument("--version", action="version", version=f"circuitcheck {version('circuitcheck')}")
    commands = parser.add_subparsers(dest="command", required=True)
    for each in COMMANDS:
        each.add_parser(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code of the command."""
    given = command_line().parse_args(arguments)
    code: int = given.run(given)
    return code
