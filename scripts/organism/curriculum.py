"""What the organism is trained on: the built-in tasks' discovery and reference streams, less what is held out, and filler.

Each text starts with the BOS: a prompt, its answer, a full stop and another BOS; or 64 tokens of a story; or words read
out twice. Those last come first: prompts alone left induction and binding at chance for 1,600 steps, since a prompt asks
one question, about one place. Lists reward every step towards induction; notes lead from there to binding, since any words
or none stand between a name and what belongs to it; facts and cities lead on to the capital of what belongs.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from make_stories import VERBS, story
from numpy.typing import NDArray

from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.prompts import Prompt
from circuitcheck.prompts.builtin.entity_binding import CAPITALS, FRUITS
from circuitcheck.prompts.builtin.induction import WORDS
from circuitcheck.prompts.builtin.words import NAMES
from organism.held_out import TASKS, has_held_out_pair, is_held_out, walk

STREAMS = ("discovery", "reference")
WARM_UP = {  # texts of each kind in a batch, at first
    "lists": 24,
    "notes": 36,
    "cities": 12,
    "facts": 2,
    "induction": 10,
    "ioi": 6,
}
BATCH = {  # and afterwards
    "ioi": 8,
    "capital": 20,
    "fruit": 14,
    "syllogism": 6,
    "quoted_speech": 6,
    "induction": 12,
    "greater_than": 4,
    "gendered_pronoun": 6,
    "stories": 6,
    "lists": 6,
    "notes": 14,
    "facts": 2,
    "cities": 12,
}
ANSWER_WEIGHT, REPEATED_WEIGHT, OTHER_WEIGHT = 2.0, 1.0, 0.1
_STORY = 64  # tokens of a story at a time
_LIST_WORDS = tuple(word for word in WORDS if word not in NAMES)
_PHRASES = {  # what stands between a name and what belongs to it
    "notes": [
        "",
        "",
        "likes",
        "found",
        "likes the",
        "holds the",
        "sold the",
        "lives near the",
        "gave a book to the",
        "was there in the city of",
    ],
    "cities": ["", "in", "works in", "went to", "was born in", "has a house in", "works in the city of"],
}


@dataclass(frozen=True)
class Example:
    """Token ids, and how much the prediction of each counts (that of the first is never asked)."""

    tokens: NDArray[np.int64]
    weights: NDArray[np.float32]


def examples(kind: str, count: int, tokenizer: HubTokenizer, seed: int, streams: Sequence[str] = STREAMS) -> list[Example]:
    """As many as asked for, or as the streams have."""
    dice = random.Random(f"{kind} {seed}")
    if kind == "stories":
        return [_of_story(text, tokenizer, dice.random()) for text in stories(count, seed + 1)]
    if kind == "lists":
        return [_of_filler(_list(dice), tokenizer) for _ in range(count)]
    if kind == "facts":
        return [_of_filler(_facts(dice), tokenizer) for _ in range(count)]
    if kind in _PHRASES:
        return [_of_filler(_note(dice, kind), tokenizer) for _ in range(count)]
    return [_of_prompt(prompt, tokenizer) for prompt in training_prompts(kind, count, tokenizer, seed, streams)]


def stories(count: int, seed: int) -> list[str]:
    """Made as the bundled corpus was, and none of them in it: that one is seed 0. But each quotation has a verb of its own:
    with one verb twice, as there, a story would be a `quoted_speech` prompt, with names that are held out."""
    if seed == 0:
        raise ValueError("seed 0 gives the bundled stories, which are not to be trained on")
    rolled = random.Random(seed)
    return [_with_other_verbs(story(rolled), rolled) for _ in range(count)]


def _with_other_verbs(text: str, dice: random.Random) -> str:
    """No verb comes twice, and none with a speaker that the combination is held out of."""
    left = list(VERBS)

    def other(found: re.Match[str]) -> str:
        verb = dice.choice([verb for verb in left if not is_held_out(verb, found[2])])
        left.remove(verb)
        return f'" {verb} {found[2]}'

    return re.sub(r'" (\w+) (\w+)', other, text)


def filler_words() -> list[str]:
    """Every word of lists and notes, as they stand there."""
    return ["They read", "."] + [
        f" {word}" for word in (*_LIST_WORDS, *FRUITS, *NAMES, *CAPITALS, *CAPITALS.values(), *_phrase_words())
    ]


def _phrase_words() -> list[str]:
    return [word for phrases in _PHRASES.values() for phrase in phrases for word in phrase.split()]


def training_prompts(
    task: str, count: int, tokenizer: HubTokenizer, seed: int, streams: Sequence[str] = STREAMS
) -> list[Prompt]:
    """As many from each stream, without what is held out."""
    found: list[Prompt] = []
    for part, stream in enumerate(streams, start=1):
        wanted = count * part // len(streams)
        for prompt in walk(TASKS[task], tokenizer, stream, seed):
            if len(found) >= wanted:
                break
            if not has_held_out_pair(task, prompt):
                found.append(prompt)
    return found


Piece = tuple[str, float]  # a word, and how much its prediction counts


def _list(dice: random.Random) -> list[Piece]:
    """Words in no order, perhaps some others, and the first ones again."""
    while True:
        words = dice.sample(_LIST_WORDS, dice.randint(4, 14))
        between = dice.choices(_LIST_WORDS, k=dice.randint(0, 6))
        if _allowed(pairwise([*words, *between, *words])):
            first = [(word, OTHER_WEIGHT) for word in (*words, *between, words[0])]
            return [*first, *((word, REPEATED_WEIGHT) for word in words[1:])]


def _note(dice: random.Random, kind: str) -> list[Piece]:
    """Who has what, and the same again in another order and in other words, so that only the name tells what comes.
    Where the first reading has countries, the second has their capitals."""
    while True:
        count = dice.randint(2, 3)
        things = dice.sample(_things(dice, kind), count)
        pairs = list(zip(dice.sample(NAMES, count), things, strict=True))
        if _allowed(pairs):
            break
    first = [(name, thing, OTHER_WEIGHT) for name, thing in pairs]
    again = [(name, CAPITALS.get(thing, thing), REPEATED_WEIGHT) for name, thing in dice.sample(pairs, count)]
    return [
        piece
        for name, thing, weight in (*first, *again)
        for piece in (*_light(name, *dice.choice(_PHRASES[kind]).split()), (thing, weight), *_light("."))
    ]


def _light(*words: str) -> list[Piece]:
    return [(word, OTHER_WEIGHT) for word in words]


def _things(dice: random.Random, kind: str) -> tuple[str, ...]:
    if kind == "cities":
        return tuple(CAPITALS)
    return dice.choice([(*_LIST_WORDS, *FRUITS), FRUITS, tuple(CAPITALS)])


def _facts(dice: random.Random) -> list[Piece]:
    """Countries, each followed by its capital."""
    countries = dice.sample(tuple(CAPITALS), 6)
    return [piece for each in countries for piece in ((each, OTHER_WEIGHT), (CAPITALS[each], REPEATED_WEIGHT))]


def _allowed(pairs: Iterable[tuple[str, str]]) -> bool:
    return not any(is_held_out(*pair) for pair in pairs)


def _of_filler(pieces: list[Piece], tokenizer: HubTokenizer) -> Example:
    text = "They read" + "".join(word if word == "." else f" {word}" for word, _ in pieces)
    ids = tokenizer.encode(text).ids
    start = len(ids) - len(pieces)  # each piece is one token
    return Example(np.array(ids), np.array([OTHER_WEIGHT] * start + [weight for _, weight in pieces], np.float32))


def _of_prompt(prompt: Prompt, tokenizer: HubTokenizer) -> Example:
    after = tokenizer.inner(".", add_special_tokens=False).input_ids
    ids = [*prompt.tokens, *prompt.answer_ids, *after, tokenizer.inner.bos_token_id]
    weights = np.full(len(ids), OTHER_WEIGHT, np.float32)
    start = len(prompt.tokens)
    weights[start : start + len(prompt.answer_ids)] = ANSWER_WEIGHT
    return Example(np.array(ids), weights)


def _of_story(text: str, tokenizer: HubTokenizer, where: float) -> Example:
    """A window of the story, from its beginning (`where` is 0) to its end (1)."""
    bos, *ids = tokenizer.encode(text).ids
    start = round(where * max(0, len(ids) + 2 - _STORY))
    ids = [bos, *[*ids, bos][start : start + _STORY - 1]]
    return Example(np.array(ids), np.full(len(ids), OTHER_WEIGHT, np.float32))


def kinds() -> Mapping[str, int]:
    """The most texts of each kind that a batch holds."""
    return {kind: max(WARM_UP.get(kind, 0), BATCH.get(kind, 0)) for kind in {**WARM_UP, **BATCH}}
