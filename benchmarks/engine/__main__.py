"""Sweeps as one plan, against the loops that a user of TransformerLens writes; side by side in one run.

    python benchmarks/engine [--model smollm2-135m-q4] [--prompts 64] [--looped 5] [--repeat 3] [--json FILE]

Each case is measured by one plan of all its cells, from nothing: no recording is kept from before, and the proof of
intervention is on. The loop does `--looped` of the cells, spread over all, and its time is scaled to all of them: a cell of
the loop takes the same time wherever it is. Numbers of both agree to 1e-3. Seconds are processor seconds of one thread, and
ratios are medians of `--repeat` pairs. Operations are multiplications and additions of matrices, as torch counts them.
"""

import argparse
import statistics
from typing import Any

import numpy as np
import torch
from cases import Case, cases_of
from timing import operations, timed, write

import circuitcheck as cc
from circuitcheck.plan import Plan
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session

_BATCH = 32
_COUNTED = 4  # prompts that operations are counted on: their ratio is that of all


def main() -> None:
    given = _arguments()
    torch.set_num_threads(1)
    model, task = cc.load(given.model, device="cpu"), cc.tasks.ioi()
    prompts = task.prompts(given.prompts, model=model, stream="test")
    rows = []
    print(f"{'':52} {'cells':>5} {'loop':>8} {'ours':>8} {'ratio':>6} {'operations':>10} {'share':>6}", flush=True)
    few = cases_of(model, task, prompts[:_COUNTED], given.looped)
    for case, counted in zip(cases_of(model, task, prompts, given.looped), few, strict=True):
        if given.only in case.name:
            rows.append(found := measured(case, counted, model, task, given.prompts, given.repeat))
            print(
                f"{case.name:52} {case.count:5} {found['loop_s']:8.2f} {found['ours_s']:8.2f} {found['ratio']:6.1f} "
                f"{found['operations_ratio']:10.1f} {found['share']:6.0%}",
                flush=True,
            )
    if given.json:
        facts = {"model": given.model, "prompts": given.prompts, "pairs": given.repeat, "looped": given.looped}
        write(given.json, facts, cases=rows)


def measured(case: Case, counted: Case, model: cc.Model, task: cc.Task, count: int, repeat: int) -> dict[str, Any]:
    """Seconds of both for all cells, their ratio, and that of their operations, on the fewer prompts of `counted`."""
    cells = tuple(cell for i in range(case.count) for cell in case.unit(i).cells)
    plan = Plan(model.ref, PromptStream(task.definition, "test", 0), cells, _BATCH)
    engine = current_session().engine

    def ours(prompts: int = count) -> Any:
        engine._recordings.drop(lambda _: True)  # type: ignore[attr-defined]
        return engine.run(plan, range(prompts)).values

    def loop(case: Case = case) -> Any:
        return np.stack([case.loop(i) for i in case.shown])

    engine.run(plan, range(1))  # the first run of a model tries its ways of shortening: not timed
    scale = case.count / len(case.shown)
    pairs = []
    for _ in range(repeat):
        (by_hand, theirs), (values, mine) = timed(loop), timed(ours)
        np.testing.assert_allclose(values[case.shown], by_hand, rtol=0, atol=1e-3)
        pairs.append((theirs * scale, mine))
    counts = operations(lambda: loop(counted)) * scale / operations(lambda: ours(min(count, _COUNTED)))
    ratio = statistics.median(theirs / mine for theirs, mine in pairs)
    return {
        "case": case.name,
        "cells": case.count,
        "loop_s": statistics.median(theirs for theirs, _ in pairs),
        "ours_s": statistics.median(mine for _, mine in pairs),
        "ratio": ratio,
        "operations_ratio": counts,
        "share": ratio / counts,
        "largest_difference": float(np.abs(values[case.shown] - by_hand).max()),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-q4")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--looped", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name has this")
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
