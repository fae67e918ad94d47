"""`circuitcheck sweep`: a map of where a model does a task, as a picture, a file to load again, or a table."""

import argparse
import sys
from pathlib import Path
from typing import Any

from circuitcheck.commands.saying import not_written, refuse
from circuitcheck.errors import BadTask, CircuitCheckError
from circuitcheck.text import in_table

_LAYERS = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
_HEADS = ("z", "q", "k", "v", "pattern")
_BY = {"layer,position": _LAYERS, "layer,head": _HEADS}
_KINDS = (".svg", ".json", ".csv")


def add_parser(commands: Any) -> None:
    sweep = commands.add_parser("sweep", help="where a model does a task: patching layer by position or head by head")
    sweep.add_argument("model", help="a spec: organism, smollm2-135m-q4, a folder, a .gguf file, a hub id")
    sweep.add_argument("task", help="a built-in task: ioi, induction, greater_than, ...")
    kinds = f"of layers {', '.join(_LAYERS)}; of heads {', '.join(_HEADS)}"
    sweep.add_argument("--patch", required=True, metavar="KIND", help=kinds)
    sweep.add_argument("--by", metavar="AXES", help="layer,position or layer,head; by default what the kind has")
    sweep.add_argument("--against", metavar="NAME", help="the counterfactual that is run (default: the task's first)")
    sweep.add_argument("-n", type=int, default=64, help="prompts, of the discovery stream (default: 64)")
    sweep.add_argument("--seed", type=int, default=0, help="of the prompts (default: 0)")
    sweep.add_argument("--top", type=int, default=8, metavar="K", help="print the K largest marked effects (default: 8)")
    sweep.add_argument(
        "-o",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="write to PATH: .svg, .json or .csv; repeatable",
    )
    sweep.add_argument("--device", default="auto")
    sweep.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0; 2 where it cannot be measured as asked, or not be written."""
    wanted = _problem(given)
    if wanted:
        return refuse(wanted)
    from circuitcheck import sweeps  # late: --help is to be quick
    from circuitcheck.quantities import load
    from circuitcheck.session import Session, Settings, use_session
    from circuitcheck.session.ledger import ledger_of_this_folder

    try:
        with use_session(Session(Settings(seed=given.seed, device=given.device), ledger=ledger_of_this_folder())):
            task = _task(given.task)
            function = sweeps.patch_layers if given.patch in _LAYERS else sweeps.patch_heads
            grid = function(task, load(given.model), given.patch, against=given.against).estimate(given.n)
    except (CircuitCheckError, ValueError, TypeError) as error:  # of settings, tasks and models
        return refuse(str(error))
    sys.stdout.write("\n".join([grid.origin.title, *grid.summary(), ""]))
    found = grid.top(given.top)
    for cell, value in zip(found.cells, found.values, strict=True):
        low, high = (float(each[grid.place(cell)]) for each in (grid.low, grid.high))
        sys.stdout.write(f"  {', '.join(cell):20} {in_table(value):>8}  [{in_table(low)}, {in_table(high)}]\n")
    return _write(grid, given.o)


def _task(name: str) -> Any:
    """A built-in one, or one that an extension registered. Raises BadTask."""
    from circuitcheck import tasks
    from circuitcheck.prompts.builtin import BUILT_IN
    from circuitcheck.quantities import Task

    if name in BUILT_IN:
        return Task(BUILT_IN[name]())
    try:
        found: Any = tasks.__getattr__(name)()  # one that is registered, and nothing else of that module
    except AttributeError as error:
        known = ", ".join((*BUILT_IN, *tasks.registered_tasks()))
        raise BadTask(f"there is no task {name!r}; there are {known}.") from error
    return found


def _problem(given: argparse.Namespace) -> str | None:
    """What cannot be measured or written, before a model is loaded."""
    if given.patch not in _LAYERS + _HEADS:
        return f"--patch {given.patch}: expected one of {', '.join(_LAYERS + _HEADS)}."
    by = (given.by or "").replace(" ", "")
    if by and given.patch not in _BY.get(by, ()):
        fitting = next(axes for axes, kinds in _BY.items() if given.patch in kinds)
        return f"--by {given.by}: {given.patch} goes by {fitting}."
    for path in given.o:
        if path.suffix not in _KINDS:
            return f"-o {path}: expected a file that ends in {', '.join(_KINDS)}."
        if not path.parent.is_dir():
            return f"-o {path}: there is no folder {path.parent}."
    return None


def _write(grid: Any, paths: list[Path]) -> int:
    from circuitcheck.files import write_whole

    for path in paths:
        try:
            if path.suffix == ".svg":
                grid.save_picture(path)
            elif path.suffix == ".json":
                grid.save(path)
            else:
                write_whole(path, grid.to_csv())
        except (OSError, ValueError) as error:
            return not_written(path, error)
        sys.stdout.write(f"written: {path}\n")
    return 0
