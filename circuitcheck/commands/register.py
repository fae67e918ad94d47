"""`circuitcheck register`: write down what claims say before they are measured."""

import argparse
import contextlib
import io
import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import not_written, refuse
from circuitcheck.errors import BadRecord


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("register", help="write what claims say to a file to commit, before they are measured")
    parser.add_argument("folder", nargs="+", help="folders or files of claims, and options of pytest after --")
    parser.add_argument("-o", "--output", type=Path, default=Path("claims.lock"), metavar="FILE")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0, or 1 where no claim could be collected; 2 where a file cannot be read or written."""
    from circuitcheck.files import write_whole  # late: --help is to be quick
    from circuitcheck.runs.registered import lock_of, merged, read_lock

    try:
        before = read_lock(given.output) if given.output.exists() else None
    except BadRecord as error:
        return refuse(str(error))
    claims, asked, said = _collected(given.folder)
    if not claims:
        sys.stderr.write(f"{said}no claim could be collected; nothing was written.\n")
        return 1
    lock = merged(before, lock_of(claims, asked, datetime.now(UTC).isoformat(timespec="seconds")))
    try:
        write_whole(given.output, json.dumps(lock, indent=1, ensure_ascii=False) + "\n")
    except (OSError, ValueError) as error:
        return not_written(given.output, error)
    measured = sum(bool(each["asked_before"]) for each in lock["claims"].values())
    late = f"; {measured} of them were measured before, as the ledger of this folder says" if measured else ""
    sys.stdout.write(f"{len(claims)} claims in {given.output}{late}. Commit it before you run them.\n")
    run = shlex.join(["pytest", *given.folder, "--circuit-registered", str(given.output)])
    sys.stdout.write(f"Then reports say what was registered: {run}\n")
    return 0


def _collected(arguments: list[str]) -> tuple[list[dict[str, Any]], dict[str, int], str]:
    """The claims as they stand before they are run, how often each was asked before, and what pytest said."""
    import pytest

    from circuitcheck.plugin.registering import Collected

    found, said = Collected(), io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main([*arguments, "--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[found])
    return (found.claims if status == 0 else []), found.asked, said.getvalue()
