"""What sharing saves, as ratios taken side by side in one run on a small random model.

    python benchmarks/sharing.py

`shared`: ten views in one plan, against one plan for each. `stored`: asking a question again, against asking it first.
`hooks`: a run with receipts, against bare forward passes of the same batches.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import circuitcheck as cc
from circuitcheck.engine.torch.sites.batch import by_size
from circuitcheck.plan import Cell, Plan
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny import save_tiny_llama

_PROMPTS = 128
_REPEATS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = cc.load(str(save_tiny_llama(Path(folder) / "llama")))
    ioi = cc.tasks.ioi()
    heads = [f"L{layer}H{head}" for layer in range(2) for head in range(4)]
    cells = [cell for head in heads for cell in ioi.logit_diff(model.ablate(head, kind="counterfactual", at="END")).cells]
    engine = current_session().engine

    def run(chosen: list[Cell]) -> None:
        engine.run(Plan(model.ref, PromptStream(ioi.definition, "test", 0), tuple(chosen)), range(_PROMPTS))

    together = seconds(lambda: run(cells))
    apart = seconds(lambda: [run([cell]) for cell in cells])
    print(f"{len(cells)} views in one plan take {together / apart:.2f} of the time of {len(cells)} plans")

    quantity = ioi.recovered(model.ablate("L1H0", kind="zero", at="END"))
    started = time.perf_counter()
    quantity.values(_PROMPTS)
    first = time.perf_counter() - started
    print(f"measured values asked for again take {seconds(lambda: quantity.values(_PROMPTS)) / first:.4f} of the time")

    prompts = ioi.prompts(_PROMPTS, model=model)
    blocks = [prompts[start : start + 32] for start in range(0, _PROMPTS, 32)]
    tokens = [torch.tensor([block[i].tokens for i in indices]) for block in blocks for indices in by_size(block, "logits")]
    plain = engine._pool.get(model.ref, "cpu").model.original_model  # type: ignore[attr-defined]
    with torch.no_grad():
        bare = seconds(lambda: [plain(each) for each in tokens])
    watched = seconds(lambda: run(cells[:1]))
    print(f"one view with rendering, source run and receipts takes {watched / bare:.2f} of a bare forward pass")


def seconds(action: Callable[[], object]) -> float:
    """The best of several runs."""
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
