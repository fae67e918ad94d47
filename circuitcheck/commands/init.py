"""`circuitcheck init`: a folder to start from."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

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


def add_parser(commands: Any) -> None:
    init = commands.add_parser("init", help="start a folder of claims: a conftest.py and a first claim")
    init.add_argument("folder", nargs="?", default="hypotheses", type=Path)
    init.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0, or 1 where something is in the way."""
    return start_folder(given.folder)


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
