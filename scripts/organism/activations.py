"""What the organism computes on texts: values at hook points, and the loss where one of them is replaced.

Texts that go through the model together are equally long, so that nothing is padded.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_TEXTS_AT_ONCE = 256

Text = NDArray[np.int64]  # token ids, the BOS first
Replacement = Callable[[Tensor], Tensor]  # of the values read, [text, pos, ...], as the values to write


@dataclass(frozen=True)
class Place:
    """`read` and `write` are hook points of TransformerLens, the same but for a transcoder; `head` is one of its heads."""

    read: str
    write: str
    head: int | None = None

    def part(self, value: Tensor) -> Tensor:
        return value if self.head is None else value[:, :, self.head]

    def put(self, value: Tensor, new: Tensor) -> Tensor:
        if self.head is None:
            return new.reshape(value.shape)
        value = value.clone()
        value[:, :, self.head] = new
        return value


def batches(texts: Sequence[Text]) -> Iterator[tuple[list[int], Tensor]]:
    """The numbers of some texts of one length, and their tokens [text, pos]."""
    by_length = defaultdict(list)
    for number, text in enumerate(texts):
        by_length[len(text)].append(number)
    for _, numbers in sorted(by_length.items()):
        for start in range(0, len(numbers), _TEXTS_AT_ONCE):
            some = numbers[start : start + _TEXTS_AT_ONCE]
            yield some, torch.from_numpy(np.stack([texts[number] for number in some]))


@torch.no_grad()
def values(model: Any, texts: Sequence[Text], place: Place) -> tuple[Tensor, Tensor]:
    """What is read and what is written at each token of all texts, [token, width] each; heads side by side."""
    read, written = [], []
    points = {place.read, place.write}
    for _, tokens in batches(texts):
        _, cache = model.run_with_cache(tokens, names_filter=lambda name: name in points)
        read.append(place.part(cache[place.read]).flatten(0, 1).flatten(1))
        written.append(place.part(cache[place.write]).flatten(0, 1).flatten(1))
    return torch.cat(read), (torch.cat(written) if place.read != place.write else torch.cat(read))


@torch.no_grad()
def losses(model: Any, texts: Sequence[Text], place: Place, replacement: Replacement | None = None) -> list[Tensor]:
    """For each text the cross-entropy, in nats, of each of its tokens but the first."""
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    for numbers, tokens in batches(texts):
        hooks = [] if replacement is None else _hooks(place, replacement)
        logits = model.run_with_hooks(tokens, return_type="logits", fwd_hooks=hooks)[:, :-1]
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
        for number, row in zip(numbers, each, strict=True):
            found[number] = row
    return found


def _hooks(place: Place, replacement: Replacement) -> list[tuple[str, Callable[..., Any]]]:
    """Keeps what is read, and writes its replacement where that belongs. TransformerLens passes `hook` by its name."""
    kept: list[Tensor] = []

    def keep(value: Tensor, hook: object) -> None:  # noqa: ARG001
        kept.append(place.part(value))

    def write(value: Tensor, hook: object) -> Tensor:  # noqa: ARG001
        return place.put(value, replacement(kept.pop()))

    if place.read != place.write:
        return [(place.read, keep), (place.write, write)]
    return [(place.write, lambda value, hook: place.put(value, replacement(place.part(value))))]  # noqa: ARG005


def shuffled(values: Tensor, seed: int) -> Tensor:
    """Values [token, dimension], each dimension permuted over the tokens on its own."""
    dice = torch.Generator().manual_seed(seed)
    return torch.stack([column[torch.randperm(len(column), generator=dice)] for column in values.T], dim=1)
