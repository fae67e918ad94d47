"""Trains the bundled model `organism` from scratch, examines it, and writes a checkpoint folder with its card.

    python scripts/train_organism.py [--out build/organism] [--seed 0] [--steps 4000] [--device cpu]

The model that comes with the package is such a folder, copied to circuitcheck/models/bundled.

Exits with 1 where it misses what the card asks of it.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # this folder, also for who imports this file

import torch
from organism.card import write_card
from organism.curriculum import examples, filler_words, kinds, stories
from organism.exam import examine
from organism.held_out import TASKS, with_held_out_names, with_held_out_templates
from organism.spelling import train_tokenizer
from organism.training import Progress, Recipe, build, texts_used, train

from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer

_OUT = Path(__file__).parents[1] / "build/organism"
_STORIES_TO_SPELL = 2000
_MOST_EXAMPLES = 20_000  # of each task, beyond which they come again


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_OUT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="in all; the first two fifths are on filler mostly")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--exam", type=int, default=2000, help="prompts of each task and split to examine")
    given = parser.parse_args(arguments)
    recipe = Recipe(steps=given.steps, seed=given.seed)
    started, processor = time.monotonic(), time.process_time()
    tokenizer = HubTokenizer(spelled(), "tokenizer", "organism")
    data = {
        kind: examples(kind, min(_MOST_EXAMPLES, count * recipe.steps), tokenizer, recipe.seed)
        for kind, count in kinds().items()
    }
    model = build(recipe, tokenizer.inner)
    train(model, data, recipe, torch.device(given.device), _say)
    seconds, processor = time.monotonic() - started, time.process_time() - processor
    model.to("cpu").save_pretrained(given.out)
    tokenizer.inner.save_pretrained(given.out)
    grades = []
    for grade in examine(model, tokenizer, given.exam):
        grades.append(grade)
        mark = "" if grade.passed or not grade.required else "  TOO LOW"
        print(f"{grade.task:18} {grade.split:24} {grade.right}/{grade.n} [{grade.low:.3f}, {grade.high:.3f}]{mark}")
    write_card(
        given.out,
        recipe=recipe,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        examples={kind: texts_used(kind, len(found), recipe) for kind, found in data.items()},
        exam=given.exam,
        time={
            "seconds": round(seconds),
            "processor_seconds": round(processor),
            "device": given.device,
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "torch": torch.__version__.split("+")[0],
        },
        grades=grades,
    )
    return 0 if all(grade.passed for grade in grades if grade.required) else 1


def spelled() -> object:
    """The organism's tokenizer: the words of all tasks, of what is held out of them, and of stories."""
    others = [with_held_out_names(task) for task in TASKS] + [with_held_out_templates(task) for task in TASKS]
    definitions = [*TASKS.values(), *(each for each in others if each is not None)]
    return train_tokenizer(definitions, [*stories(_STORIES_TO_SPELL, seed=1), *filler_words()])


def _say(progress: Progress) -> None:
    right = "  ".join(f"{kind} {share:.2f}" for kind, share in progress.right.items())
    print(f"step {progress.step}, {progress.seconds:.0f} s: loss {progress.loss:.3f}  {right}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
