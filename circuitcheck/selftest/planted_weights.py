"""A GPT-2 whose weights are set by hand.

The residual stream holds named features. Each is a pair of coordinates (+v, -v), so that LayerNorm's centring leaves it
alone; one pair more, the ballast, is so large that LayerNorm divides by the same number everywhere, to about 1e-7. So
LayerNorm is the identity on features, and all the rest is linear but for attention, whose weights are 0, 1 or equal shares,
and for the MLPs, whose output nobody reads.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitcheck.selftest.planted_tasks import LAST, NO, SYMBOLS, YES

Floats = NDArray[np.float64]
HEADS, D_HEAD, D_MODEL, CONTEXT = 8, 18, 144, 32
UNKNOWN, END_OF_TEXT = "<unk>", "<end>"

_numbers = count()
SYMBOL, PREVIOUS, PREDICTED = (list(islice(_numbers, len(SYMBOLS))) for _ in range(3))
HERE, BEFORE = (list(islice(_numbers, 4)) for _ in range(2))  # codes of this position and of the one before it
CODE, JUNK = (list(islice(_numbers, 2)) for _ in range(2))  # which word this is; what nobody reads
FLAG = list(islice(_numbers, HEADS))  # the i-th: head L1Hi reads this word; number 0: every effect head does
VALUE, ANSWER = ([next(_numbers)] for _ in range(2))

_BALLAST = 8192.0
_NORM = (2 * _BALLAST**2 / D_MODEL) ** 0.5  # what LayerNorm divides by
_SHARP = 30 * D_HEAD**0.5  # attention divides scores by sqrt(D_HEAD); exp(-30) is 1e-13
_TURNS = np.array([1, 7]) * 2 * np.pi / CONTEXT  # products of codes: 2 at one position, 1.42 or less at two
_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
_PREDICTED_LOGIT, _REPEATED_LOGIT = 10.0, 1.0


@dataclass(frozen=True)
class Blueprint:
    """What the weights are to hold, in logits. `pools[i]` maps noise words to what effect head i adds for them; `shared`
    maps template words to what every effect head adds besides, and is empty where that is nothing."""

    words: tuple[str, ...]
    pools: tuple[Mapping[str, float], ...]
    shared: Mapping[str, float]
    base: float

    @property
    def unit(self) -> float:
        """In logits. Features hold multiples of it, at most 1 in all, too small for LayerNorm to feel."""
        heads = sum(max(map(abs, pool.values())) for pool in self.pools)
        shared = max(map(abs, self.shared.values()), default=0.0)
        return max(1.0, abs(self.base) + heads + shared * len(self.pools))


def save(folder: Path, blueprint: Blueprint) -> None:
    """Write config, weights and tokenizer, as `save_pretrained` does. The same blueprint gives the same weights."""
    import torch

    ids = {word: number for number, word in enumerate((UNKNOWN, END_OF_TEXT, *blueprint.words))}
    _tokenizer(ids).save_pretrained(folder)
    model, weights = _model(len(ids)), dict(_weights(blueprint, ids))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weights.get(name, np.zeros(1))))
    with redirect_stderr(io.StringIO()):  # a progress bar that nothing else switches off
        model.save_pretrained(folder)


def _tokenizer(ids: Mapping[str, int]) -> Any:
    """One token for each word between blanks, and nothing else: no BOS of its own, no cleaning up."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(dict(ids), unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"unk_token": UNKNOWN, "bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special)


def _model(vocabulary: int) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        n_embd=D_MODEL,
        n_layer=2,
        n_head=HEADS,
        n_inner=2 * len(CODE),
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=1,
    )
    with torch.random.fork_rng(devices=[]):  # all weights are set later; the caller's random numbers stay what they were
        return GPT2LMHeadModel(config)


def _weights(blueprint: Blueprint, ids: Mapping[str, int]) -> Iterator[tuple[str, Floats]]:
    """Parameters by their names in `transformers`; those not named are zero."""
    yield "transformer.wte.weight", _embedding(blueprint, ids)
    yield "transformer.wpe.weight", _positions()
    for layer, heads in enumerate((_first_layer(), _second_layer(blueprint))):
        block = f"transformer.h.{layer}"
        yield f"{block}.ln_1.weight", np.full(D_MODEL, _NORM)
        yield f"{block}.ln_2.weight", np.full(D_MODEL, _NORM)
        inputs = [[head.query for head in heads], [head.key for head in heads], [head.value for head in heads]]
        yield f"{block}.attn.c_attn.weight", np.hstack([np.hstack(part) for part in inputs])
        yield f"{block}.attn.c_attn.bias", np.hstack([*(head.query_bias for head in heads), np.zeros(2 * D_MODEL)])
        yield f"{block}.attn.c_proj.weight", np.vstack([head.output for head in heads])
        yield f"{block}.mlp.c_fc.weight", np.hstack([_reads(CODE), -_reads(CODE)])
        yield f"{block}.mlp.c_proj.weight", np.vstack([_writes(JUNK), _writes(JUNK)]) / HEADS
    yield "transformer.ln_f.weight", np.full(D_MODEL, _NORM)
    yield "lm_head.weight", _unembedding(blueprint, ids)


def _embedding(blueprint: Blueprint, ids: Mapping[str, int]) -> Floats:
    features = np.zeros((len(ids), D_MODEL // 2 - 1))
    angles = np.arange(len(ids)) * _GOLDEN_ANGLE
    features[:, CODE] = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for symbol, word in zip(SYMBOL, SYMBOLS, strict=True):
        features[ids[word], symbol] = 1
    for flag, values in zip(FLAG, (blueprint.shared, *blueprint.pools), strict=False):
        for word, logits in values.items():
            features[ids[word], flag] = 1
            features[ids[word], VALUE] = logits / blueprint.unit
    features[ids[LAST], ANSWER] = blueprint.base / blueprint.unit
    ballast = np.zeros(D_MODEL)
    ballast[:2] = _BALLAST, -_BALLAST
    return features @ _writes(range(features.shape[1])) + ballast


def _positions() -> Floats:
    angles = np.arange(-1, CONTEXT)[:, None] * _TURNS
    codes = np.hstack([np.cos(angles), np.sin(angles)])
    return codes[1:] @ _writes(HERE) + codes[:-1] @ _writes(BEFORE)


def _unembedding(blueprint: Blueprint, ids: Mapping[str, int]) -> Floats:
    """A symbol also predicts itself, weakly: what is predicted without the induction head is a symbol, and a wrong one."""
    rows = np.zeros((len(ids), D_MODEL))
    rows[ids[YES]] = _reads(ANSWER)[:, 0] * blueprint.unit / 2
    rows[ids[NO]] = -rows[ids[YES]]
    rows[[ids[word] for word in SYMBOLS]] = (_PREDICTED_LOGIT * _reads(PREDICTED) + _REPEATED_LOGIT * _reads(SYMBOL)).T
    return rows


class _Head:
    """At first an inert one: it looks at every token alike, and writes which words it saw where nobody reads. The others are
    made from it by adding to it, so that to ablate a head changes its output even where it adds 0 to the logits."""

    def __init__(self, number: int) -> None:
        self.query, self.key, self.value = (np.zeros((D_MODEL, D_HEAD)) for _ in range(3))
        self.query_bias, self.output = np.zeros(D_HEAD), np.zeros((D_HEAD, D_MODEL))
        turn = 2 * np.pi * number / HEADS
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        self.value[:, -2:] = _reads(CODE) @ rotation
        self.output[-2:] = _writes(JUNK) / HEADS


def _first_layer() -> list[_Head]:
    heads = [_Head(number) for number in range(HEADS)]
    previous, symbols = heads[0], slice(len(SYMBOLS))
    previous.query[:, :4] = _reads(BEFORE) * 2 * _SHARP
    previous.key[:, :4] = _reads(HERE)
    previous.value[:, symbols] = _reads(SYMBOL)
    previous.output[symbols] = _writes(PREVIOUS)
    return heads


def _second_layer(blueprint: Blueprint) -> list[_Head]:
    heads = [_Head(number) for number in range(HEADS)]
    induction, symbols = heads[0], slice(len(SYMBOLS))
    induction.query[:, symbols] = _reads(SYMBOL) * _SHARP
    induction.key[:, symbols] = _reads(PREVIOUS)
    induction.value[:, symbols] = _reads(SYMBOL)
    induction.output[symbols] = _writes(PREDICTED)
    read = 2 if blueprint.shared else 1  # words, each with the same share of the attention
    for number in range(1, 1 + len(blueprint.pools)):
        effect = heads[number]
        effect.query_bias[0] = _SHARP
        effect.key[:, 0] = _reads([FLAG[0], FLAG[number]]).sum(axis=1)
        effect.value[:, :1] = _reads(VALUE) * read
        effect.output[:1] = _writes(ANSWER)
    return heads


def _writes(features: list[int] | range) -> Floats:
    """[feature, d_model]: where features lie in the residual stream."""
    rows = np.zeros((len(features), D_MODEL))
    for row, feature in zip(rows, features, strict=True):
        row[2 + 2 * feature], row[3 + 2 * feature] = 1, -1
    return rows


def _reads(features: list[int]) -> Floats:
    """[d_model, feature]: what gives back the value that `_writes` wrote; a shift of all coordinates gives 0."""
    return _writes(features).T / 2
