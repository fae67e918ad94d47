"""What prompts cost: seconds for 100,000, and memory while they stream.

    python benchmarks/prompts.py [--prompts N]

`with` counterfactuals and `without` are the same task. `tokenizer alone` is how long the tokenizer takes for the same texts,
which is saved where known tokens are put together. Process time of one core; the limits are those of the work order.
"""

import argparse
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import circuitcheck as cc
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts import Prompt, TaskDefinition

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny import save_tokenizer

_CHUNK = 512
_LIMITS = {"without": 20.0, "with": 40.0}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--prompts", type=int, default=100_000)
    count = arguments.parse_args().prompts
    tasks = [cc.tasks.ioi().definition, cc.tasks.entity_binding("fruit", 5).definition, cc.tasks.induction().definition]
    words = tuple(dict.fromkeys(word for task in tasks for word in _words(task)))
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = HubTokenizer(save_tokenizer(Path(folder), words), "tokenizer", "bench")
    for task in tasks:
        _measure(task, tokenizer, count)


def _measure(task: TaskDefinition, tokenizer: HubTokenizer, count: int) -> None:
    for name, version in (("without", replace(task, counterfactuals=())), ("with", task)):
        first = next(stream(version, tokenizer, 1))
        seconds = timed(lambda version=version: exhaust(stream(version, tokenizer, count)))
        texts = [prompt.text for prompt in stream(version, tokenizer, 2000)]
        alone = (
            timed(lambda texts=texts: tokenizer.encode_many(texts)) * (count / len(texts)) * (1 + len(first.counterfactuals))
        )
        what = f"{task.name} ({len(task.templates)} templates, {len(first.tokens)} tokens), {name} counterfactuals"
        limit = _LIMITS[name] * count / 100_000
        share = f"tokenizer alone {alone / seconds:.2f} of it"
        print(f"{what}: {count:,} prompts in {seconds:.1f} s of process time (limit {limit:.0f} s); {share}")
    grown = [_peak(task, tokenizer, n) for n in (count // 20, count // 2)]
    print(f"{task.name}: ten times as many prompts streamed take {grown[1] / grown[0]:.2f} times the peak memory")


def _peak(task: TaskDefinition, tokenizer: HubTokenizer, count: int) -> int:
    tracemalloc.start()
    exhaust(stream(task, tokenizer, count))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def stream(task: TaskDefinition, tokenizer: HubTokenizer, count: int) -> Iterator[Prompt]:
    """As `Task.iterate` does."""
    for start in range(0, count, _CHUNK):
        yield from task.prompts(tokenizer, seed=0, stream="test", rows=range(start, min(start + _CHUNK, count)))


def exhaust(prompts: Iterator[Prompt]) -> None:
    while list(islice(prompts, _CHUNK)):
        pass


def timed(action: object) -> float:
    started = time.process_time()
    action()  # type: ignore[operator]
    return time.process_time() - started


def _words(task: TaskDefinition) -> list[str]:
    literals = [
        word.strip(".,:?\n") for template in task.templates for literal, _ in template.parts() for word in literal.split()
    ]
    return [item for pool in task.pools for item in pool.items] + [word for word in literals if word]


if __name__ == "__main__":
    main()
