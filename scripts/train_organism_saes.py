"""Trains the dictionaries that come with the bundled model `organism` with sae_lens, and writes a card for each.

    python scripts/train_organism_saes.py [--out FOLDER] [--only NAME] [--cards] [--seed 0]

Needs sae_lens 6.54 or later, which circuitcheck itself does not. They are trained on texts of the organism's own training,
of the reference stream where they are prompts, and measured on the discovery stream and on other filler: never on the test
stream. The same seed gives the same files on the same machine.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # this folder, also for who imports this file

import torch
from organism.activations import Text, values
from organism.curriculum import BATCH, examples
from organism.dictionaries import RECIPES, Recipe, load, save, train
from organism.dictionary_card import HeldOut, measured, write_readme
from organism.held_out import TASKS, walk

import circuitcheck as cc

_ORGANISM = Path(cc.__file__).parent / "models/bundled/organism"
_ROUNDS, _ROUNDS_HELD_OUT = 120, 8  # of the mixture of texts that the organism was trained on
_PROMPTS = 128  # of each task


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_ORGANISM / "dictionaries")
    parser.add_argument("--only", choices=[each.name for each in RECIPES])
    parser.add_argument("--cards", action="store_true", help="measure what lies there anew, and train nothing")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    organism = cc.load("organism")
    model, tokenizer = organism.inner, organism.tokenizer
    texts = _texts(tokenizer, _ROUNDS, given.seed, "reference")
    held_out = HeldOut(_texts(tokenizer, _ROUNDS_HELD_OUT, given.seed + 1000, "discovery"), _prompts(tokenizer))
    for recipe in RECIPES:
        if given.only in (None, recipe.name):
            started = time.monotonic()
            if not given.cards:
                _make(recipe, model, texts, given.seed, given.out / recipe.name)
            facts = _facts(recipe, texts, given.seed) | measured(
                model, recipe.place, load(given.out / recipe.name), held_out
            )
            (given.out / recipe.name / "card.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
            write_readme(given.out)
            print(f"{recipe.name}, {time.monotonic() - started:.0f} s: {facts['held_out_text']}", flush=True)


def _make(recipe: Recipe, model: Any, texts: Sequence[Text], seed: int, folder: Path) -> None:
    read, written = values(model, texts, recipe.place)
    save(recipe, train(recipe, read, written, seed), folder)


def _texts(tokenizer: Any, rounds: int, seed: int, stream: str) -> list[Text]:
    return [each.tokens for kind, n in BATCH.items() for each in examples(kind, rounds * n, tokenizer, seed, (stream,))]


def _prompts(tokenizer: Any) -> dict[str, list[Any]]:
    return {name: list(islice(walk(task, tokenizer, "discovery", seed=0), _PROMPTS)) for name, task in TASKS.items()}


def _facts(recipe: Recipe, texts: Sequence[Text], seed: int) -> dict[str, Any]:
    weights = json.loads((_ORGANISM / "training.json").read_text(encoding="utf-8"))["weights_sha256"]
    return {
        "name": recipe.name,
        "organism_weights_sha256": weights,
        "reads": recipe.place.read,
        "writes": recipe.place.write,
        "head": recipe.place.head,
        "trained_as": recipe.kind.architecture(),
        "width": recipe.width,
        "settings": recipe.settings,
        "shuffled": recipe.shuffled,
        "steps": recipe.steps,
        "peak_learning_rate": recipe.peak,
        "seed": seed,
        "training_tokens": sum(map(len, texts)),
        "torch": torch.__version__.split("+")[0],
    }


if __name__ == "__main__":
    main()
