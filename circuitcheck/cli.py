"""The command line: `circuitcheck init`, `doctor`, `selftest` and `report`."""

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

from circuitcheck.commands import store
from circuitcheck.files import write_whole
from circuitcheck.text import printable

_CONFTEST = '''"""Fixtures that claims use: `model`, `ioi`, ..."""

from circuitcheck.fixtures import *  # noqa: F403
'''

_EXAMPLE = '''"""A first claim. Run it: pytest, and the name of this folder."""

import circuitcheck as cc


@cc.claim("Zero-ablating every attention layer at END destroys the behaviour", id="ioi.attention", model="organism")
def test_attention_matters(model, ioi):
    assert ioi.recovered(model.ablate("L0-3.attn", kind="zero", at="END")) < 0.5
'''


def command_line() -> argparse.ArgumentParser:
    """What `circuitcheck` takes."""
    parser = argparse.ArgumentParser(prog="circuitcheck", description="Test circuit hypotheses on language models.")
    parser.add_argument("--version", action="version", version=f"circuitcheck {version('circuitcheck')}")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="start a folder of claims: a conftest.py and a first claim")
    init.add_argument("folder", nargs="?", default="hypotheses", type=Path)
    check = commands.add_parser("selftest", help="measure this tool's own error rates on numbers whose truth is known")
    check.add_argument("--full", action="store_true", help="10,000 claims of each kind, instead of a minute's worth")
    check.add_argument("--seed", type=int, default=0)
    check.add_argument("--markdown", type=Path, metavar="PATH", help="write the table to PATH as well")
    doctor = commands.add_parser("doctor", help="check a model: is every site what it says, can runs be repeated, ...")
    doctor.add_argument(
        "model", help="a spec: organism, smollm2-135m-q4, a folder, a .gguf file, a hub id; +folded after it"
    )
    doctor.add_argument("--dtype", action="append", metavar="DTYPE", help="float32 (default), bfloat16, ...; repeatable")
    doctor.add_argument("--device", default="auto")
    doctor.add_argument("--json", type=Path, metavar="PATH", help="write all findings to PATH")
    doctor.add_argument("--markdown", type=Path, metavar="PATH", help="write the table to PATH as well")
    report = commands.add_parser("report", help="the table of a run from its journal, also of one that was killed")
    report.add_argument("journal", type=Path, nargs="?", help="a file of .circuitcheck/journals")
    report.add_argument("--json", type=Path, metavar="PATH", help="write the report to PATH as well")
    report.add_argument("--schema", action="store_true", help="print the JSON Schema that reports follow, and nothing else")
    store.add_parser(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 where files are in the way or an error rate is too high."""
    given = command_line().parse_args(arguments)
    if given.command == "store":
        return store.run(given)
    if given.command == "report":
        return print_schema() if given.schema else report_of(given.journal, given.json)
    if given.command == "init":
        return start_folder(given.folder)
    if given.command == "doctor":
        return see_doctor(given.model, given.dtype or ["float32"], given.device, given.json, given.markdown)
    from circuitcheck.selftest.run import main as selftest  # imported late: it brings torch

    return selftest(full=given.full, seed=given.seed, markdown=given.markdown)


def see_doctor(spec: str, dtypes: list[str], device: str, json_path: Path | None, markdown: Path | None) -> int:
    """Examine a model; 1 where a check failed, 2 where there is no such model, or no file can be written."""
    from circuitcheck.errors import CircuitCheckError
    from circuitcheck.report.doctor_table import as_json, as_markdown, as_text
    from circuitcheck.session import Session, Settings

    found = []
    for dtype in dtypes:
        try:
            session = Session(Settings(device=device))
            card = session.load(spec, dtype=dtype, device=None, bos="tokenizer")
            found.append(session.engine.examine(card.ref))
        except (CircuitCheckError, ValueError) as error:  # of settings
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(as_text(found))
    for path, text in ((json_path, as_json), (markdown, as_markdown)):
        try:
            if path is not None:
                write_whole(path, text(found))
        except (OSError, ValueError) as error:
            return _not_written(path, error)
    return 1 if any(each.failed for each in found) else 0


class _Plain:
    """Lines without colours, on standard output."""

    def section(self, title: str) -> None:
        sys.stdout.write(f"{f' {title} ':=^80}\n")

    def write_line(self, line: str, **_markup: bool) -> None:
        sys.stdout.write(f"{line}\n")


def print_schema() -> int:
    """Always 0."""
    from circuitcheck.report import load_schema

    sys.stdout.write(json.dumps(load_schema(), indent=2) + "\n")
    return 0


def report_of(journal: Path | None, json_path: Path | None) -> int:
    """0 where the run came to its end and every claim as expected; 1 where not; 2 where no journal can be read, or no file
    be written."""
    from circuitcheck.errors import BadRecord
    from circuitcheck.report import read_journal, whole_report, write_json, write_table

    if journal is None:
        sys.stderr.write("report needs a journal: name a file of .circuitcheck/journals, or say --schema.\n")
        return 2
    try:
        log, environment, end = read_journal(journal)
    except BadRecord as error:
        sys.stderr.write(f"{error}\n")
        return 2
    status = end.get("exit_status", -1)
    write_table(_Plain(), log, None, None)
    if not end:
        sys.stdout.write("the run never came to its end\n")
    try:
        if json_path is not None:
            write_json(json_path, whole_report(log, environment, None, status))
    except (OSError, ValueError) as error:
        return _not_written(json_path, error)
    return 0 if status == 0 and not log.unfinished else 1


def start_folder(folder: Path) -> int:
    """Write the two files; existing ones are left alone."""
    wanted = {"conftest.py": _CONFTEST, "test_first_claim.py": _EXAMPLE}
    name = printable(str(folder))[:200]
    try:
        taken = [str(folder / each) for each in wanted if os.path.lexists(folder / each)]
        if taken:
            sys.stderr.write(f"{printable(' and '.join(taken))} exist already; nothing was written. Name another folder.\n")
            return 1
        folder.mkdir(parents=True, exist_ok=True)
        for each, text in wanted.items():
            with (folder / each).open("x", encoding="utf-8") as stream:
                stream.write(text)
    except (OSError, ValueError, RecursionError) as error:
        sys.stderr.write(
            f"{name} cannot be made into a folder: {getattr(error, 'strerror', None) or error}. Name another.\n"
        )
        return 1
    written = ", ".join(str(folder / each) for each in wanted)
    sys.stdout.write(f"wrote {printable(written)}. Next: pytest {name}\n")
    return 0


def _not_written(path: Path | None, error: Exception) -> int:
    sys.stderr.write(f"cannot write to {printable(str(path))}: {getattr(error, 'strerror', None) or error}\n")
    return 2
