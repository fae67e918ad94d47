"""`circuitcheck store`: what was measured and is kept, and letting go of it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from circuitcheck.settings import STORE
from circuitcheck.text import counted, printable

_PRUNE = "prune"
_HEADS = ("model", "task", "cells", "values", "kB", "measured", "used last")
_NUMBERS = ("cells", "values", "kB")


def add_parser(commands: Any) -> None:
    store = commands.add_parser(
        "store",
        help="what was measured and is kept, by model and task; `store prune` lets go of it",
        usage="circuitcheck store [FOLDER] | circuitcheck store prune [FOLDER] (--older-than DAYS | --max-mb MB | --all)",
    )
    store.add_argument("words", nargs="*", metavar="[prune] [FOLDER]", help=f"default: {STORE} of this project")
    which = store.add_mutually_exclusive_group()
    which.add_argument("--older-than", type=float, metavar="DAYS", help="prune what was not used for so many days")
    which.add_argument("--max-mb", type=int, metavar="MB", help="prune the least recently used until so much is left")
    which.add_argument("--all", action="store_true", help="prune everything")
    store.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """1 where there is no store, 2 where it cannot be read or asked so."""
    from circuitcheck.session import project_of  # late: --help is to be quick
    from circuitcheck.store import Store
    from circuitcheck.store.overview import is_there

    pruning = given.words[:1] == [_PRUNE]
    folders = given.words[1:] if pruning else given.words
    wrong = _wrong_with(given, folders, pruning=pruning)
    if wrong:
        return _refuse(wrong, 2)
    folder = Path(folders[0]) if folders else project_of(Path.cwd()) / STORE
    if not is_there(folder):
        return _refuse(f"there is no store of values in {printable(str(folder))[:500]}. Name its folder.", 1)
    store = Store(folder, 1 << 40)
    said = _pruned(store, given) if pruning else _shown(store)
    store.close()
    if store.database.is_off:
        return 2  # and it has said why
    sys.stdout.write(said)
    return 0


def _wrong_with(given: argparse.Namespace, folders: list[str], *, pruning: bool) -> str:
    """What cannot be done as asked; empty where all can."""
    asked = given.older_than is not None or given.max_mb is not None or given.all
    if len(folders) > 1:
        return f"one store at a time: {printable(' '.join(folders))[:500]} are {len(folders)} folders."
    if pruning and not asked:
        return "prune what? Say --older-than DAYS, --max-mb MB or --all."
    if asked and not pruning:
        return "to let go of anything, write `circuitcheck store prune` before the options."
    if (given.older_than or 0) < 0 or (given.max_mb or 0) < 0 or given.older_than != given.older_than:
        return "days and megabytes are 0 or more."
    return ""


def _pruned(store: Any, given: argparse.Namespace) -> str:
    from circuitcheck.store.overview import prune

    gone = prune(store.database, days=given.older_than, most_mb=given.max_mb, everything=given.all)
    return f"{gone:,} entries went from {printable(str(store.database.path))}\n"


def _shown(store: Any) -> str:
    from circuitcheck.store.overview import overview

    rows, models = [_HEADS], []
    for each in overview(store.database):
        if each.kind != "values":
            models.append(each)
            continue
        days = each.since if each.since == each.until else f"{each.since} to {each.until}"
        sizes = (f"{each.cells:,}", f"{each.values:,}", f"{each.bytes / 1000:,.0f}")
        rows.append((each.model, each.subject, *sizes, days, each.used))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    size = store.database.path.stat().st_size
    known = f"{counted(len(models), 'model')} known without being loaded"
    return "\n".join([*lines, f"{known}; {printable(str(store.database.path))} has {size / 1e6:,.1f} MB", ""])


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        text.rjust(width) if head in _NUMBERS else text.ljust(width)
        for head, text, width in zip(_HEADS, row, widths, strict=True)
    ]


def _refuse(why: str, code: int) -> int:
    sys.stderr.write(f"{why}\n")
    return code
