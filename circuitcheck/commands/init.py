"""`circuitcheck init`: a folder to start from, and a workflow that runs it."""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.ci.workflow import MOST_PARTS, github_workflow, requirements_of
from circuitcheck.commands.saying import refuse
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

_WORKFLOW = Path(".github/workflows/circuitcheck.yml")
_LABEL = re.compile(r"[A-Za-z0-9._:-]{1,256}")  # of a runner
_PLACE = re.compile(r"[A-Za-z0-9._/ -]+")  # of claims: it stands in expressions and in lines of shell


def add_parser(commands: Any) -> None:
    init = commands.add_parser(
        "init", help="start a folder of claims: a conftest.py and a first claim; with --ci, a workflow that runs the folder"
    )
    init.add_argument("folder", nargs="?", default="hypotheses", type=Path)
    init.add_argument("--ci", choices=("github",), help="write .github/workflows/circuitcheck.yml as well")
    init.add_argument(
        "--runner",
        action="append",
        default=[],
        metavar="LABEL",
        help="of the machine that runs the claims; repeatable; by default self-hosted and gpu",
    )
    init.add_argument(
        "--gpus",
        type=int,
        default=1,
        metavar="N",
        help="machines with a GPU, which share the claims; 0 for a machine without",
    )
    init.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0; 1 where something is in the way; 2 where words make no sense."""
    if given.ci is None:
        return start_folder(given.folder)
    wrong = _wrong_with(given)
    if wrong:
        return refuse(wrong)
    if os.path.lexists(_WORKFLOW):
        sys.stderr.write(f"{_WORKFLOW} exists already; nothing was written. Move it away, or change it by hand.\n")
        return 1
    code = 0 if given.folder.is_dir() else start_folder(given.folder)
    return code or _write_workflow(given)


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
            _write_new(folder / each, text)
    except (OSError, ValueError, RecursionError) as error:
        sys.stderr.write(
            f"{name} cannot be made into a folder: {getattr(error, 'strerror', None) or error}. Name another.\n"
        )
        return 1
    written = ", ".join(str(folder / each) for each in wanted)
    sys.stdout.write(f"wrote {printable(written)}. Next: pytest {name}\n")
    return 0


def _wrong_with(given: argparse.Namespace) -> str:
    folder = given.folder
    if folder.is_absolute() or ".." in folder.parts or not _PLACE.fullmatch(folder.as_posix()) or str(folder)[0] == "-":
        return (
            f"{printable(str(folder))[:200]} cannot be named in a workflow: say where the folder is within the repository, "
            f"in letters, digits and any of ._/- and spaces."
        )
    if not 0 <= given.gpus <= MOST_PARTS:
        return f"--gpus {given.gpus}: expected 0 to {MOST_PARTS}."
    strange = [label for label in given.runner if not _LABEL.fullmatch(label)]
    return f"--runner {printable(strange[0])!r} is no label: expected letters, digits and any of ._:-." if strange else ""


def _write_workflow(given: argparse.Namespace) -> int:
    requirements = requirements_of(Path())
    try:
        _WORKFLOW.parent.mkdir(parents=True, exist_ok=True)
        _write_new(_WORKFLOW, github_workflow(given.folder, given.runner, given.gpus, requirements))
    except OSError as error:
        sys.stderr.write(f"{_WORKFLOW} cannot be written: {error.strerror}.\n")
        return 1
    sys.stdout.write(f"wrote {_WORKFLOW}, which installs with: pip install {requirements}. Read it, and commit it.\n")
    if not Path(".git").exists():
        sys.stdout.write("This folder is no repository: GitHub looks for workflows in the root of one.\n")
    return 0


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as stream:
        stream.write(text)
