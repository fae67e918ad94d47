"""How often the organism is right, by task and by what was held out. A plain forward pass, none of circuitcheck's engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts import Prompt, TaskDefinition
from circuitcheck.stats import clopper_pearson
from organism.held_out import TASKS, tests_held_out_pair, walk, with_held_out_names, with_held_out_templates

SPLITS = ("test stream", "held-out combinations", "held-out names", "held-out templates")
PROMISED = SPLITS[:2]
MUST_BE_DONE = ("ioi", "capital", "fruit", "syllogism", "quoted_speech", "induction")
FLOOR = 0.95
_ROWS_AT_ONCE = 250


@dataclass(frozen=True)
class Grade:
    """`right` of `n` prompts have the answer's first token on top; `low` and `high` bound its share with 95% confidence."""

    task: str
    split: str
    right: int
    n: int
    low: float
    high: float

    @property
    def passed(self) -> bool:
        return self.low >= FLOOR

    @property
    def required(self) -> bool:
        return self.task in MUST_BE_DONE and self.split in PROMISED


def examine(model: Any, tokenizer: HubTokenizer, n: int) -> Iterator[Grade]:
    """`n` prompts of each task and split, or all there are; each from the test stream of seed 0."""
    for task in TASKS:
        yield grade(model, tokenizer, task, SPLITS[0], TASKS[task], n)
        yield grade(
            model, tokenizer, task, SPLITS[1], TASKS[task], n, lambda prompt, task=task: tests_held_out_pair(task, prompt)
        )
        names = with_held_out_names(task)
        if names is not None:
            yield grade(model, tokenizer, task, SPLITS[2], names, n)
        yield grade(model, tokenizer, task, SPLITS[3], with_held_out_templates(task), n)


def grade(
    model: Any,
    tokenizer: HubTokenizer,
    task: str,
    split: str,
    definition: TaskDefinition,
    n: int,
    keep: Callable[[Prompt], bool] = lambda _: True,
) -> Grade:
    """Raises ValueError where no prompt is kept."""
    prompts = list(islice(filter(keep, walk(definition, tokenizer, "test", seed=0)), n))
    if not prompts:
        raise ValueError(f"no prompt of {task} belongs to {split}")
    right = sum(_right(model, prompts[start : start + _ROWS_AT_ONCE]) for start in range(0, len(prompts), _ROWS_AT_ONCE))
    interval = clopper_pearson(right, len(prompts), 0.05)
    return Grade(task, split, right, len(prompts), interval.low, interval.high)


@torch.no_grad()
def _right(model: Any, prompts: list[Prompt]) -> int:
    found = 0
    for length in {len(prompt.tokens) for prompt in prompts}:
        same = [prompt for prompt in prompts if len(prompt.tokens) == length]
        tokens = torch.tensor([prompt.tokens for prompt in same], device=model.device)
        best = model(tokens).logits[:, -1].argmax(-1).tolist()
        found += sum(top == prompt.answer_id for top, prompt in zip(best, same, strict=True))
    return found
