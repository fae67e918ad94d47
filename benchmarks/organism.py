"""How quick is the bundled model? Loading it, and claims about it, beside the same about SmolLM2.

    python benchmarks/organism.py

Claims are ablations of one head or two, on 64 prompts, run by pytest in a process of their own, as users run them: 100 on
five tasks of the organism, and ten on IOI, which both models do. Those times have the libraries' imports in them.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import combinations, islice
from pathlib import Path

import torch
import transformers
from transformer_lens.model_bridge import TransformerBridge

import circuitcheck as cc

_IMPORTED = (torch, transformers, TransformerBridge)  # before any clock starts
_TASKS = ("ioi", "capital", "syllogism", "quoted_speech", "induction")
_LAYERS, _HEADS = 4, 4  # of the organism; SmolLM2 has them, too
_CLAIM = """
@cc.claim("nothing is known of it", id="claim-{number}", model="{model}", samples=64)
def test_{number}(model, {task}):
    assert {task}.recovered(model.ablate("{heads}", kind="mean", at="END"), against="{against}") > -1000
"""


def main() -> None:
    print(f"{'':32} organism  SmolLM2  ratio", flush=True)
    small, large = loading("organism"), loading("smollm2-135m-q4")
    print(f"{'loading after imports, s':32} {small:8.2f} {large:8.2f} {large / small:6.0f}", flush=True)
    small, large = claims("organism", 10, ("ioi",)), claims("smollm2-135m-q4", 10, ("ioi",))
    print(f"{'10 claims on IOI, s':32} {small:8.1f} {large:8.1f} {large / small:6.1f}", flush=True)
    print(f"{'100 claims on five tasks, s':32} {claims('organism', 100, _TASKS):8.1f}")


def loading(model: str) -> float:
    """The second time, in a session of its own: by then transformers has imported what it imports late."""
    return min(_seconds(lambda: _load(model)) for _ in range(2))


def claims(model: str, count: int, tasks: tuple[str, ...]) -> float:
    names = [f"L{layer}H{head}" for layer in range(_LAYERS) for head in range(_HEADS)]
    sets = [*names, *(", ".join(pair) for pair in combinations(names, 2))]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "conftest.py").write_text("from circuitcheck.fixtures import *\n")
        body = "".join(
            _claim(model, tasks[number % len(tasks)], number, heads) for number, heads in enumerate(islice(sets, count))
        )
        (folder / "test_claims.py").write_text("import circuitcheck as cc\n" + body)
        run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--circuit-summary", "off", made]
        return _seconds(lambda: subprocess.run(run, cwd=made, check=True, capture_output=True))


def _claim(model: str, task: str, number: int, heads: str) -> str:
    against = {"quoted_speech": "verb", "induction": "unseen"}.get(task, "swap")
    return _CLAIM.format(number=number, model=model, task=task, heads=heads, against=against)


def _load(model: str) -> None:
    with cc.use_session(cc.Session()):
        cc.load(model)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
