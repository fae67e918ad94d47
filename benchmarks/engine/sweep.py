"""A layer x position map with intervals and its picture, against `transformer_lens.patching` on the same cells without.

    python benchmarks/engine/sweep.py [--model smollm2-135m-q4] [--prompts 64] [--looped 6] [--repeat 1] [--json FILE]

Ours is all of it: a session that knows nothing, the plan, noise floors, intervals and marks for all cells together, and the
SVG. Theirs is `get_act_patch_resid_pre` on the same prompts, in one batch, with the logit difference as its metric: the
untouched run that it patches from, and `--looped` of the cells, spread over all, scaled to all. Both numbers agree to 1e-3.
"""

import argparse
import json
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from timing import timed, write
from transformer_lens.patching import get_act_patch_resid_pre

import circuitcheck as cc
from circuitcheck.prompts.builtin import BUILT_IN

_FEW = 4  # prompts


def main() -> None:
    given = _arguments()
    torch.set_num_threads(1)
    model, task = cc.load(given.model, device="cpu"), _one_template()
    maps, few = (Maps.of(model, task, n, given.looped) for n in (given.prompts, _FEW))
    few.ours()  # the first run of a model tries its ways of shortening: not timed
    pairs = []
    for _ in range(given.repeat):
        (scaled, theirs), (grid, mine) = timed(maps.theirs), timed(maps.ours)
        ours = [grid.value[place] if grid.state[place] != "vacuous" else 0.0 for place in maps.shown]
        np.testing.assert_allclose(ours, scaled, rtol=0, atol=1e-3)
        pairs.append((maps.scaled(theirs), mine))
        print(f"theirs {pairs[-1][0]:.1f} s, ours {mine:.1f} s: {mine / pairs[-1][0]:.3f} of it", flush=True)
    ratio = statistics.median(theirs / mine for theirs, mine in pairs)
    row = {
        "case": "map of the stream with intervals and picture, against transformer_lens.patching without",
        "cells": len(maps.cells),
        "loop_s": statistics.median(theirs for theirs, _ in pairs),
        "ours_s": statistics.median(mine for _, mine in pairs),
        "ratio": ratio,
        "largest_difference": float(np.abs(np.array(ours) - scaled).max()),
    }
    print(json.dumps(row, indent=2))
    if given.json:
        facts = {"model": given.model, "prompts": given.prompts, "pairs": given.repeat, "looped": given.looped}
        write(given.json, facts, cases=[row])


@dataclass(frozen=True)
class Maps:
    """The same map both ways. `shown` are places of the cells that theirs measures."""

    model: cc.Model
    task: cc.Task
    prompts: tuple[Any, ...]
    cells: list[tuple[int, int]]
    shown: list[tuple[int, int]]

    @classmethod
    def of(cls, model: cc.Model, task: cc.Task, n: int, looped: int) -> "Maps":
        cells = [(layer, at) for layer in range(model.architecture.n_layers) for at in range(len(task.positions))]
        shown = [cells[round(i)] for i in np.linspace(0, len(cells) - 1, looped)]
        return cls(model, task, task.prompts(n, model=model, stream="discovery"), cells, shown)

    def ours(self) -> cc.Grid:
        engine = cc.current_session().engine
        engine._recordings.drop(lambda _: True)  # type: ignore[attr-defined]
        with cc.use_session(cc.Session(cc.Settings(batch=len(self.prompts)), make_engine=lambda _: engine)):
            grid = cc.sweeps.patch_layers(self.task, self.model, "resid_pre").estimate(len(self.prompts))
            assert len(grid.plot().svg) > 1000
        return grid

    def theirs(self) -> np.ndarray[Any, Any]:
        """[shown]: the share of the logit difference that each cell brings back."""
        clean, other = (torch.tensor([each.run(base) for each in self.prompts]) for base in ("clean", "abc"))
        assert all(each.positions == self.prompts[0].positions for each in self.prompts)
        places = [self.prompts[0].positions[name][-1] for name in self.task.positions]
        index = pd.DataFrame([(layer, places[at]) for layer, at in self.shown], columns=["layer", "pos"])
        bridge = self.model.inner
        with torch.no_grad():
            low = self._difference(bridge(other))
            logits, cache = bridge.run_with_cache(clean, names_filter=lambda name: name.endswith("resid_pre"))
            found = get_act_patch_resid_pre(bridge, other, cache, self._difference, index_axis_names=None, index_df=index)
        return ((found - low) / (self._difference(logits) - low)).numpy()

    def scaled(self, whole: float) -> float:
        """What all cells take, of the time of those that are shown and of two runs besides."""
        return whole * (len(self.cells) + 2) / (len(self.shown) + 2)

    def _difference(self, logits: torch.Tensor) -> torch.Tensor:
        ends = logits[torch.arange(len(self.prompts)), [each.end for each in self.prompts]]
        answers, others = ([getattr(each, name) for each in self.prompts] for name in ("answer_id", "distractor_id"))
        rows = torch.arange(len(self.prompts))
        return (ends[rows, answers] - ends[rows, others]).mean()


def _one_template() -> cc.Task:
    """Indirect objects in one frame, so that a position is one token's number, as in their maps."""
    pools = {pool.name: pool.items for pool in BUILT_IN["ioi"]().pools}
    return cc.Task.define(
        "ioi in one frame",
        templates={"then": "Then {IO} and {S1} went to the {place}, and {S2} gave a {object} to"},
        pools=pools,
        draw={"IO": "name", "S1": "name", "A": "name", "B": "name", "C": "name", "place": "place", "object": "object"},
        slots={"S2": "S1"},
        answer="IO",
        distractor="S1",
        counterfactuals={"abc": {"IO": "A", "S1": "B", "S2": "C"}},
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-q4")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--looped", type=int, default=6)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
