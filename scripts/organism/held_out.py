"""What the organism never sees in training where a task would put it: names, combinations, templates.

Names: ten that no built-in task has, and that training shows in filler stories only. Combinations: each task has a pair of
slots, such as a person and their country, of which about one in ten is never trained on. Templates: two of each task
that are in no built-in task. What is held out depends on the words alone, neither on seeds nor on streams.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts import Pool, Prompt, TaskDefinition, Template
from circuitcheck.prompts.builtin import BUILT_IN, induction
from circuitcheck.prompts.builtin.entity_binding import binding_template
from circuitcheck.prompts.realised import realise

NAMES = tuple("Lily Mia Rose Tim Sara Leo Nina Dan Ella Fred".split())
TASKS: Mapping[str, TaskDefinition] = {name: make() for name, make in BUILT_IN.items()}
HELD_OUT_LENGTH = 24  # words of an induction prompt; in training a word comes again after 20 at most
_ONE_IN = 10
_ROWS_AT_ONCE = 250
_PAIRS = {
    "ioi": (("IO", "S1"),),
    "capital": (("E0", "A0"), ("E1", "A1")),
    "fruit": (("E0", "A0"), ("E1", "A1")),
    "syllogism": (("X", "category"),),
    "quoted_speech": (("A", "SAYS"),),
    "greater_than": (("YY", "event"),),
    "gendered_pronoun": (("NAME", "place"), ("NAME", "job")),
}


def is_held_out(one: str, other: str) -> bool:
    """Is this pair of words, in either order, one that training never puts together?"""
    return sha256(" ".join(sorted((one, other))).encode()).digest()[0] % _ONE_IN == 0


def has_held_out_pair(task: str, prompt: Prompt) -> bool:
    return any(is_held_out(one, other) for one, other in _pairs(task, prompt))


def tests_held_out_pair(task: str, prompt: Prompt) -> bool:
    """Does the answer itself hang on a held-out pair? Other neighbours in an induction prompt do not count, nor what
    belongs to the person who is not asked about."""
    if task == "induction":
        return is_held_out(prompt.slots["PREV"], prompt.answer.strip())
    if task in ("capital", "fruit"):
        asked = prompt.template[-1]
        return is_held_out(prompt.slots[f"E{asked}"], prompt.slots[f"A{asked}"])
    return has_held_out_pair(task, prompt)


def _pairs(task: str, prompt: Prompt) -> list[tuple[str, str]]:
    if task == "induction":
        words = [*prompt.text.split()[1:], prompt.answer.strip()]
        return list(itertools.pairwise(words))
    slots = prompt.slots
    return [(slots[one], slots[other]) for one, other in _PAIRS[task] if one in slots and other in slots]


def with_held_out_names(task: str) -> TaskDefinition | None:
    """The task with ten other names; None where it has no names, or knows something of each that these lack."""
    definition = TASKS[task]
    if task == "gendered_pronoun" or not any(pool.name == "name" for pool in definition.pools):
        return None
    return replace(
        definition,
        pools=tuple(Pool("name", NAMES) if pool.name == "name" else pool for pool in definition.pools),
    )


def with_held_out_templates(task: str) -> TaskDefinition:
    """Of induction, the same with longer lists than any that training reads out."""
    return induction(HELD_OUT_LENGTH) if task == "induction" else replace(TASKS[task], templates=_templates()[task])


def walk(definition: TaskDefinition, tokenizer: HubTokenizer, stream: str, seed: int) -> Iterator[Prompt]:
    """Every prompt of a stream in order, rendered a block at a time: streams of millions are never held."""
    task = realise(definition, tokenizer)
    size = task.size(stream)
    for start in range(0, size, _ROWS_AT_ONCE):
        yield from task.prompts(range(start, min(start + _ROWS_AT_ONCE, size)), seed=seed, stream=stream)


def _templates() -> dict[str, tuple[Template, ...]]:
    return {
        "ioi": tuple(
            Template(f"{frame}/{order}", text.format(A=first, B=second, place="{place}", S2="{S2}", object="{object}"))
            for frame, text in _IOI.items()
            for order, first, second in (("IO-first", "{IO}", "{S1}"), ("S-first", "{S1}", "{IO}"))
        ),
        **{
            kind: tuple(binding_template(kind, name, frame, at, 2) for at in (0, 1) for name, frame in frames.items())
            for kind, frames in _BINDING.items()
        },
        **{task: tuple(Template(name, text) for name, text in frames.items()) for task, frames in _OTHERS.items()},
    }


_IOI = {
    "sat": "When {A} and {B} sat in the {place}, {S2} gave a {object} to",
    "walked": "One morning {A} and {B} walked to the {place}, where {S2} handed a {object} to",
}
_BINDING = {
    "capital": {
        "garden": (
            "{E} has a garden in the capital city of {A}.",
            "does {Q} have a garden",
            "{R} has a garden in the city of",
        ),
        "went": ("{E} went home to the capital city of {A}.", "does {Q} live", "{R} went home to the city of"),
    },
    "fruit": {
        "wanted": ("{E} wanted the {A} yesterday.", "did {Q} like", "{R} wanted the"),
        "took": ("{E} took the {A} to a friend.", "did {Q} carry", "{R} took the"),
    },
}
_OTHERS = {
    "syllogism": {
        "all": "All of the {category} are {X} and never {Y}. {Nouns} are {group}. So {nouns} are",
        "clear": "We know that {category} are {X}, not {Y}, and that {nouns0} are {group}. Therefore, {nouns} are",
    },
    "quoted_speech": {
        "station": 'At the station {A} met {B}. "I have a {thing} here!" {SAYS} {A2}. "Now I want to see a {other}!"',
        "morning": 'One morning {A} sat with {B}. "My {thing} is as big as a house!" {SAYS} {A2}. "Look at the {other}!"',
    },
    "greater_than": {
        "village": "The {event} in the village began in 17{YY} and was over in 17",
        "wrote": "He wrote that the {event} lasted from 17{YY} to 17",
    },
    "gendered_pronoun": {
        "asked": "We asked {NAME} about the {job} at the {place}, because",
        "everybody": "Everybody says that {NAME} is a good {job} in the {place}, so",
    },
}
