"""`circuitcheck doctor`: is every site of a model what it says, can runs be repeated, ..."""

import argparse
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import not_written, refuse
from circuitcheck.errors import CircuitCheckError
from circuitcheck.files import write_whole


def add_parser(commands: Any) -> None:
    doctor = commands.add_parser("doctor", help="check a model: is every site what it says, can runs be repeated, ...")
    doctor.add_argument(
        "model", help="a spec: organism, smollm2-135m-q4, a folder, a .gguf file, a hub id; +folded after it"
    )
    doctor.add_argument("--dtype", action="append", metavar="DTYPE", help="float32 (default), bfloat16, ...; repeatable")
    doctor.add_argument("--device", default="auto")
    doctor.add_argument("--json", type=Path, metavar="PATH", help="write all findings to PATH")
    doctor.add_argument("--markdown", type=Path, metavar="PATH", help="write the table to PATH as well")
    doctor.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """1 where a check failed, 2 where there is no such model, or no file can be written."""
    from circuitcheck.report.doctor_table import as_json, as_markdown, as_text  # late: --help is to be quick
    from circuitcheck.session import Session, Settings

    found = []
    for dtype in given.dtype or ["float32"]:
        try:
            session = Session(Settings(device=given.device))
            card = session.load(given.model, dtype=dtype, device=None, bos="tokenizer")
            found.append(session.engine.examine(card.ref))
        except (CircuitCheckError, ValueError) as error:  # of settings
            return refuse(str(error))
    sys.stdout.write(as_text(found))
    for path, text in ((given.json, as_json), (given.markdown, as_markdown)):
        try:
            if path is not None:
                write_whole(path, text(found))
        except (OSError, ValueError) as error:
            return not_written(path, error)
    return 1 if any(each.failed for each in found) else 0
