"""From random weights to the organism: a small Llama, AdamW, a warm-up and a cosine."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from organism.curriculum import BATCH, REPEATED_WEIGHT, WARM_UP, Example

Batch = list[tuple[str, Example]]  # each with its kind
_BANDS = (24, 44, 1_000)  # in tokens: texts of a batch go through the model with others about as long, to pad less
_EVERY = 50  # steps between reports


@dataclass(frozen=True)
class Recipe:
    """`width` is the residual stream's; `context` in tokens; `peak` the highest learning rate; `asked` how many of the
    predictions that weigh little are asked for."""

    steps: int = 4000
    width: int = 128
    layers: int = 4
    heads: int = 4
    mlp: int = 384
    context: int = 256
    peak: float = 3e-3
    warm_up: int = 100
    decay: float = 0.1
    asked: float = 0.25
    seed: int = 0

    @property
    def first(self) -> int:
        """Steps on filler and short prompts alone."""
        return 2 * self.steps // 5


def build(recipe: Recipe, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.mlp,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


@dataclass(frozen=True)
class Progress:
    """`loss` in nats per unit of weight, `right` the share of answers of each kind, both over the last 50 steps."""

    step: int
    loss: float
    right: Mapping[str, float]
    seconds: float


def train(
    model: Any,
    data: Mapping[str, list[Example]],
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Progress], None],
) -> None:
    model.to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.peak, betas=(0.9, 0.98), weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share_of_peak(step, recipe))
    dice = torch.Generator().manual_seed(recipe.seed)
    started, losses, asked, right = time.monotonic(), [], Counter[str](), Counter[str]()
    for step, batch in zip(range(1, recipe.steps + 1), batches(data, recipe), strict=False):
        whole, total = sum(float(each.weights[1:].sum()) for _, each in batch), 0.0
        for part in _by_length(batch):
            tokens, weights = (tensor.to(device) for tensor in _padded(part, model.config.pad_token_id))
            loss, kept = _loss(model, tokens, weights, recipe.asked, dice)
            (loss / whole).backward()
            total += float(loss.detach()) / whole
            for row, good in kept:
                asked[part[row][0]] += 1
                right[part[row][0]] += good
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(total)
        if step % _EVERY == 0:
            shares = {kind: right[kind] / asked[kind] for kind in sorted(asked)}
            report(Progress(step, sum(losses) / len(losses), shares, time.monotonic() - started))
            losses, asked, right = [], Counter(), Counter()
    model.eval()


def batches(data: Mapping[str, list[Example]], recipe: Recipe) -> Iterator[Batch]:
    """Every text of a kind once, in a new order, before any comes again."""
    endless = {
        kind: _endless(found, np.random.default_rng([recipe.seed, number]))
        for number, (kind, found) in enumerate(data.items())
    }
    step = 0
    while True:
        mixture = WARM_UP if step < recipe.first else BATCH
        yield [(kind, next(endless[kind])) for kind, count in mixture.items() for _ in range(count)]
        step += 1


def texts_used(kind: str, at_hand: int, recipe: Recipe) -> int:
    """How many different texts of a kind a whole training shows."""
    shown = recipe.first * WARM_UP.get(kind, 0) + (recipe.steps - recipe.first) * BATCH.get(kind, 0)
    return min(at_hand, shown)


def _endless(found: list[Example], dice: np.random.Generator) -> Iterator[Example]:
    while True:
        for index in dice.permutation(len(found)):
            yield found[index]


def _by_length(batch: Batch) -> list[Batch]:
    bands = pairwise((0, *_BANDS))
    parts = [[each for each in batch if shortest < len(each[1].tokens) <= longest] for shortest, longest in bands]
    return [part for part in parts if part]


def _padded(batch: Batch, pad: int) -> tuple[Tensor, Tensor]:
    """[text, pos] tokens and weights; padding, on the right, weighs nothing."""
    width = max(len(each.tokens) for _, each in batch)
    tokens = torch.full((len(batch), width), pad)
    weights = torch.zeros(len(batch), width)
    for row, (_, each) in enumerate(batch):
        tokens[row, : len(each.tokens)] = torch.from_numpy(each.tokens)
        weights[row, : len(each.tokens)] = torch.from_numpy(each.weights)
    return tokens, weights


def _loss(
    model: Any, tokens: Tensor, weights: Tensor, asked: float, dice: torch.Generator
) -> tuple[Tensor, list[tuple[int, bool]]]:
    """The weighted sum of cross-entropies, and for each answer its row and whether it came first.

    Predictions that weigh little are asked for now and then only, and count for more then: logits are expensive.
    """
    weights, targets = weights[:, 1:], tokens[:, 1:]
    heavy = weights >= REPEATED_WEIGHT
    drawn = torch.rand(weights.shape, generator=dice).to(weights.device) < asked
    where = heavy | (drawn & (weights > 0))
    logits = model.lm_head(model.model(tokens).last_hidden_state[:, :-1][where])
    scale = torch.where(heavy, weights, weights / asked)[where]
    losses = torch.nn.functional.cross_entropy(logits, targets[where], reduction="none")
    good = (logits.argmax(-1) == targets[where])[heavy[where]].tolist()
    return (losses * scale).sum(), list(zip(heavy.nonzero()[:, 0].tolist(), good, strict=True))


def _share_of_peak(step: int, recipe: Recipe) -> float:
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done))
