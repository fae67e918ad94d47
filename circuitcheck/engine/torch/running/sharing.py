"""Rows that are tokens of one text: the text is run once, and read at each row's own END.

That is exact where attention looks back only, and where an intervention does the same at every token: what it writes after a
row's END cannot reach that END.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from circuitcheck.engine.torch.running.graph import Node
from circuitcheck.engine.torch.running.lengths import MayRunOn, joined
from circuitcheck.engine.torch.sites.batch import Batch, by_size
from circuitcheck.plan import CLEAN, Ablate, EditFeatures, Intervention, Patch, Reading, Reconstruct, Resample, Steer
from circuitcheck.prompts import Prompt

_MOST_ROWS = 512  # read from one pass: their logits are in memory together
_ALIKE_AT_EVERY_TOKEN = (Ablate, EditFeatures, Patch, Reconstruct, Steer)


@dataclass(frozen=True)
class Texts:
    """`run` has one prompt for each text, `rows` all that are read; `indices` are those of the rows among all prompts."""

    run: Batch
    rows: Batch
    indices: list[int]


def texts_of(
    prompts: tuple[Prompt, ...],
    reading: Reading,
    graph: Iterable[Node],
    size: int,
    device: torch.device,
    may_run_on: MayRunOn | None = None,
) -> Iterator[Texts]:
    """`size` texts at a time, all of one length, or of about one where tokens `may_run_on`; each row a text of its own where
    a pass of `graph` differs from row to row."""
    share = reading == "logits" and all(_shares(node) for node in graph)
    groups = by_size(prompts, reading)
    for group in groups if may_run_on is None else joined(prompts, groups, size, may_run_on):
        for texts in _in_parts(_by_text(prompts, group) if share else [[index] for index in group], size):
            indices = [index for rows in texts for index in rows]
            of = tuple(number for number, rows in enumerate(texts) for _ in rows)
            run = Batch(tuple(max((prompts[i] for i in rows), key=lambda p: p.end) for rows in texts), device, reading)
            several = len(indices) > len(texts)
            rows = Batch(tuple(prompts[i] for i in indices), device, reading, of) if several else run
            yield Texts(run, rows, indices)


def _by_text(prompts: tuple[Prompt, ...], group: list[int]) -> list[list[int]]:
    found: dict[tuple[int, ...], list[int]] = {}
    for index in group:
        found.setdefault(prompts[index].tokens, []).append(index)
    return list(found.values())


def _in_parts(texts: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    part: list[list[int]] = []
    for each in texts:
        if part and (len(part) == size or sum(map(len, part)) + len(each) > max(size, _MOST_ROWS)):
            yield part
            part = []
        part.append(each)
    if part:
        yield part


def _shares(node: Node) -> bool:
    return node.run.tokens == CLEAN and all(map(_alike, node.run.interventions))


def _alike(intervention: Intervention) -> bool:
    """Does it the same at every token of a text, whichever is the END?"""
    return (
        isinstance(intervention, _ALIKE_AT_EVERY_TOKEN)
        and all(at is None for _, at in intervention.writes)
        and all(need.at is None and not isinstance(need.source, Resample) for need in intervention.needs)
    )
