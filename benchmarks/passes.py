"""What a claim costs over the passes that it needs, as ratios taken side by side in one run, medians of pairs.

    python benchmarks/passes.py [--pairs 5]

`loop`: one head knocked out at END, against TransformerLens' `run_with_hooks` in the batches of one length that a careful
user would make by hand; the answers are the same. `proof`: the same plan with the proof of intervention, against without.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import circuitcheck as cc
from circuitcheck.engine.torch.dictionaries.pool import DictionaryPool
from circuitcheck.engine.torch.proof.watch import Change, watched
from circuitcheck.engine.torch.running.references import Directions, Means
from circuitcheck.engine.torch.running.run import Run, Watch
from circuitcheck.engine.torch.sites.batch import by_size
from circuitcheck.plan import Plan
from circuitcheck.prompts import PromptStream
from circuitcheck.session import current_session

_BATCH = 32
_PROMPTS = {"organism": 256, "smollm2-135m-q4": 64}
_HEAD = {"organism": (3, 2), "smollm2-135m-q4": (23, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    print(f"{'':20} {'loop / ours':>12} {'proof / none':>13}   (one thread, medians of {pairs} pairs)")
    for spec in _PROMPTS:
        ours, bare, loop = _ways(spec)
        np.testing.assert_allclose(ours(), loop(), rtol=0, atol=1e-4)
        print(f"{spec:20} {_ratio(loop, ours, pairs):12.2f} {_ratio(ours, bare, pairs):13.3f}", flush=True)


def _ways(spec: str) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """Ours with proof, ours without, and the loop: each gives [prompt] logit differences."""
    model, ioi, (layer, head), count = cc.load(spec, device="cpu"), cc.tasks.ioi(), _HEAD[spec], _PROMPTS[spec]
    view = model.ablate(f"L{layer}H{head}", kind="zero", at="END")
    plan = Plan(model.ref, PromptStream(ioi.definition, "test", 0), ioi.logit_diff(view).cells, _BATCH)
    loaded = current_session().engine._pool.get(model.ref, "cpu")  # type: ignore[attr-defined]
    prompts = ioi.prompts(count, model=model, stream="test")

    def ours(watch: Watch = watched) -> Any:
        with torch.no_grad():
            nothing = Means(0, lambda means: means.bytes), Directions(0, len), DictionaryPool()
            return Run(loaded, plan, *nothing, watch=watch).table(range(count)).values[0]

    def loop() -> Any:
        found = np.zeros(count)
        for group in by_size(prompts, "logits"):
            for start in range(0, len(group), _BATCH):
                part = group[start : start + _BATCH]
                _measure_by_hand(loaded.model, [prompts[i] for i in part], part, found, layer, head)
        return found

    return ours, lambda: ours(_unwatched), loop


def _measure_by_hand(bridge: Any, prompts: list[Any], part: list[int], found: Any, layer: int, head: int) -> None:
    tokens = torch.tensor([prompt.tokens for prompt in prompts])

    def cut(z: torch.Tensor, hook: object) -> torch.Tensor:  # noqa: ARG001 - the library's signature
        z[:, -1, head] = 0
        return z

    with torch.no_grad():
        logits = bridge.run_with_hooks(tokens, prepend_bos=False, fwd_hooks=[(f"blocks.{layer}.attn.hook_z", cut)])[:, -1]
    answers, distractors = ([getattr(each, name) for each in prompts] for name in ("answer_id", "distractor_id"))
    rows = range(len(prompts))
    found[part] = (logits[rows, answers].double() - logits[rows, distractors].double()).numpy()


def _unwatched(_intervention: object, _batch: object, writes: Any, _change: Change) -> list[Any]:
    return list(writes)


def _ratio(one: Callable[[], Any], other: Callable[[], Any], pairs: int) -> float:
    return statistics.median(_seconds(one) / _seconds(other) for _ in range(pairs))


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
