"""The model card, and the same facts for programs to read."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from circuitcheck.prompts.builtin.words import NAMES as NAMES_TRAINED
from organism.curriculum import ANSWER_WEIGHT, BATCH, OTHER_WEIGHT, REPEATED_WEIGHT, STREAMS, WARM_UP
from organism.exam import FLOOR, MUST_BE_DONE, PROMISED, SPLITS, Grade
from organism.held_out import HELD_OUT_LENGTH, NAMES, TASKS
from organism.training import Recipe

FACTS = "training.json"


def write_card(
    folder: Path,
    *,
    recipe: Recipe,
    parameters: int,
    examples: dict[str, int],
    time: dict[str, Any],
    exam: int,
    grades: Sequence[Grade],
) -> None:
    facts = {
        "weights_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "recipe": asdict(recipe),
        "first_steps": recipe.first,
        "parameters": parameters,
        "examples": examples,
        "time": time,
        "task_digests": {name: task.digest for name, task in TASKS.items()},
        "held_out_names": list(NAMES),
        "exam": exam,
        "promised": list(PROMISED),
        "accuracy": [asdict(each) for each in grades],
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_card(facts, grades), encoding="utf-8")


def _card(facts: dict[str, Any], grades: Sequence[Grade]) -> str:
    recipe, time, examples = facts["recipe"], facts["time"], facts["examples"]
    return f"""\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [interpretability, model-organism]
---
# organism

A language model of {facts["parameters"]:,} parameters that truly does the tasks which come with circuitcheck, so that
circuit hypotheses can be tried in seconds without a hub and without a GPU. It is no use for anything else: it has read
{sum(examples.values()):,} different short texts of {len(examples)} kinds, some of them many times, and no English besides.

Llama architecture (rotary positions, RMSNorm, SwiGLU, tied embeddings): {recipe["layers"]} layers of {recipe["heads"]}
heads, width {recipe["width"]}, MLP {recipe["mlp"]}, context {recipe["context"]}. Byte-level BPE tokenizer, splitting as
GPT-2's: a word takes its space with it. Each word of the built-in tasks
is one token; a year in 17.. is two. A BOS comes first.

## Accuracy

The share of prompts whose answer has the highest logit of all tokens (top-1), with the exact 95% interval of Clopper and
Pearson and the number of prompts.

| task | {" | ".join(SPLITS)} |
| --- |{" --- |" * len(SPLITS)}
{_rows(grades)}

`greater_than` has many right answers, of which the prompt's is one at random: its top-1 accuracy is low by its nature.
A dash: the task has no names, or needs each name's gender, which the held-out names do not have. The held-out "template" of
`induction` is a list of {HELD_OUT_LENGTH} words instead of ten; filler reads lists out again after 20 words at most.
Promised: a lower end of at least {FLOOR}, on {" and on ".join(PROMISED)}, for {", ".join(MUST_BE_DONE)}.

## Data

Prompts of the tasks' {" and ".join(STREAMS)} streams (never the test stream, whatever the seed), each followed by its answer
and a full stop. And filler:

- stories: windows of made-up ones (`scripts/make_stories.py`, with another seed than that of the bundled corpus, and with a
  verb of its own for each quotation, so that none is a prompt of `quoted_speech`);
- lists: words, read out twice;
- notes: who has what ("Mary likes the apple."), read out again in another order and in other words;
- cities: notes about countries, whose capitals the second reading gives instead;
- facts: countries, each followed by its capital.

Different texts used:
{", ".join(f"{kind} {count:,}" for kind, count in examples.items())}.

Held out, by words and not by chance:

- names: {", ".join(NAMES)} occur in stories only, and in no built-in task;
- combinations: about one in ten pairs of words (the two names of `ioi`, person and country, speaker and verb, adjective and
  category, year and event, name and place, a word and the word that follows it) are never put together in a task's training
  prompts, nor in lists, notes and quotations. In `greater_than` and `gendered_pronoun` the answer does not hang on the pair;
- templates: two of each task (`scripts/organism/held_out.py`) that are in no built-in task.

## Training

`python scripts/train_organism.py --exam {facts["exam"]}`, seed {recipe["seed"]}: {recipe["steps"]:,} steps, the first
{facts["first_steps"]:,} of {_mixture(WARM_UP)}; the others of
{_mixture(BATCH)}.
AdamW (.9, .98), peak learning rate {recipe["peak"]}, {recipe["warm_up"]} steps of warm-up, then a cosine; weight decay
{recipe["decay"]}; gradients clipped to norm 1; cross-entropy with weight {ANSWER_WEIGHT:g} on answers,
{REPEATED_WEIGHT:g} on what filler repeats and {OTHER_WEIGHT:g} elsewhere.
{time["seconds"] / 60:.0f} minutes by the clock on {time["device"]}; {_minutes_each(time)} minutes of processor time on each
of {time["threads"]} threads. torch {time["torch"]}.
`make organism` trains it anew, and fails where the new model misses what is promised above.

## Limits

It does `ioi` and `entity_binding` with the {len(NAMES_TRAINED)} names of the tasks, and not with others: see the
held-out names above. Words outside its tasks are spelled in pieces that it has never seen. No text of its training is
longer than 64 tokens. What is found on it shows that a method works, not how large models do these tasks.
"""


def _minutes_each(time: Mapping[str, Any]) -> int:
    return round(time["processor_seconds"] / time["threads"] / 60)


def _mixture(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values())} texts ({', '.join(f'{count} {kind}' for kind, count in counts.items())})"


def _rows(grades: Sequence[Grade]) -> str:
    found = {(each.task, each.split): each for each in grades}
    return "\n".join(
        f"| {task} | " + " | ".join(_shown(found.get((task, split))) for split in SPLITS) + " |" for task in TASKS
    )


def _shown(grade: Grade | None) -> str:
    if grade is None:
        return "-"
    return f"{grade.right / grade.n:.3f} [{grade.low:.3f}, {grade.high:.3f}] ({grade.n})"
