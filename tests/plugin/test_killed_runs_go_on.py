"""A run that is killed at any moment costs the next one, with any number of workers, what was in flight, and nothing else.

How it could be fooled: by a store that forgets what was measured (the next run measures more), or that believes what was
half written (its report is another).
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from claims_folder import Folder
from stored_blocks import in_another_process
from test_options_store import told

from circuitcheck.engine.torch import LocalEngine
from circuitcheck.packed import unpack

HEADS = [f"L{layer}H{head}" for layer in range(2) for head in range(2)]
CLAIMS = "".join(
    f"""
@claim(id="{head}")
def test_{head}(model, ioi):
    assert ioi.logit_diff(model.ablate("{head}", kind="mean", at="END", n=32)) < 100
"""
    for head in HEADS
)
# Each process notes of each plan that it has measured which one it was, before that is stored.
NOTES_WHAT_IT_RAN = """
import os
from circuitcheck.engine.torch import LocalEngine

measure = getattr(LocalEngine, "run_without_notes", LocalEngine.run)

def run(self, plan, rows):
    table = measure(self, plan, rows)
    with open(os.environ["RAN"], "a") as ran:
        ran.writelines(f"{os.getpid()} {plan.batch} {rows.start} {rows.stop} {cell.digest}\\n" for cell in plan.cells)
    return table

LocalEngine.run_without_notes, LocalEngine.run = measure, run
"""
Measured = list[tuple[str, ...]]


@pytest.fixture
def suite(folder: Folder, warm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.setattr(LocalEngine, "run", LocalEngine.run)  # runs within this process replace it, and it is put back
    folder.write(CLAIMS)
    folder.pytester.makeini("[pytest]\ncircuit_baseline_prompts = 192\n")
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write(NOTES_WHAT_IT_RAN)
    monkeypatch.setenv("RAN", str(notes_of(folder)))
    yield folder
    with contextlib.suppress(AttributeError):
        del LocalEngine.run_without_notes


def notes_of(folder: Folder) -> Path:
    return folder.pytester.path / "ran"


def ran(folder: Folder) -> Measured:
    """(process, batch, from row, to row, cell) of what was measured since this was asked last."""
    notes = notes_of(folder)
    found = [tuple(line.split()) for line in notes.read_text().splitlines()] if notes.exists() else []
    notes.unlink(missing_ok=True)
    return found


def plans_measured_again(before: Measured, again: Measured) -> dict[str, set[tuple[str, ...]]]:
    """By process of the run before, the rows that it had measured and the next run measured again."""
    anew, found = {measured[1:] for measured in again}, dict[str, set[tuple[str, ...]]]()
    for process, *measured in before:
        if tuple(measured) in anew:
            found.setdefault(process, set()).add(tuple(measured[:3]))
    return found


def kill_a_run(folder: Folder, workers: int, dice: random.Random, lasts: float) -> None:
    """At a moment of the time in which it measures, or of that before; its workers with it, or not."""
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-o", f"circuit_doctor={folder.checkups}"]

    def run() -> None:
        os.setpgid(0, 0)
        if workers == 1:
            folder.run()
            os._exit(0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execv(command[0], [*command, f"-n{workers}", "hypotheses"])

    child, early = in_another_process(run), dice.random() < 0.1
    while not (early or notes_of(folder).exists() or has_ended(child)):
        time.sleep(0.002)
    time.sleep(dice.uniform(0, lasts))
    (os.killpg if dice.random() < 0.5 else os.kill)(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        while True:  # workers that lost their controller end by themselves
            os.killpg(child, 0)
            has_ended(child) and os.waitpid(child, 0)
            time.sleep(0.002)


def alike(one: Any, other: Any) -> bool:
    """The same, but for the rounding of values that were measured in other company."""
    if isinstance(one, dict) and set(one) == {"dtype", "shape", "data"}:
        return bool(np.allclose(unpack(one), unpack(other), rtol=1e-4, atol=1e-5, equal_nan=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-4, abs=1e-5, nan_ok=True)
    return bool(one == other)


def has_ended(child: int) -> bool:
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("workers, moments", [(1, 60), (2, 24), (4, 16)])
def test_a_killed_run_goes_on_where_it_was(suite: Folder, workers: int, moments: int) -> None:
    """100 moments in all."""
    started = time.monotonic()
    whole = told(suite.run(None, "--circuit-store=whole"))
    lasts, all_of_it = (time.monotonic() - started) / 2, {measured[1:] for measured in ran(suite)}
    dice, in_the_middle = random.Random(workers), 0
    for _ in range(moments):
        shutil.rmtree(suite.pytester.path / ".circuitcheck")
        kill_a_run(suite, workers, dice, lasts / workers)
        before = ran(suite)
        others = ["-n2"] if workers > 1 and dice.random() < 0.5 else []
        found = told(suite.run(None, *others, subprocess=bool(others)))
        assert found == whole if workers == 1 else alike(found, whole)
        again = ran(suite)
        lost = plans_measured_again(before, again)
        last = {process: tuple(measured[:3]) for process, *measured in before}
        assert all(plans == {last[process]} for process, plans in lost.items()), lost
        assert {measured[1:] for measured in [*before, *again]} >= all_of_it
        in_the_middle += bool(before) and bool(again)
    print(f"{workers} workers: {in_the_middle} of {moments} were killed while they measured")
    assert in_the_middle > moments / 10
