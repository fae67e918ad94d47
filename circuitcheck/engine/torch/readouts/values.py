"""Metrics of what sites hold: attention, norms, activations."""

from functools import partial

import torch
from torch import Tensor

from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.sites.access import place_of
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import AtIndex, Index, PerPrompt
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.places import Position, Site
from circuitcheck.plan import Activation, Attention, Norm


@read.register
def _(metric: Attention, seen: Seen) -> PerPrompt:
    make = partial(_entries, metric, seen.batch)
    rows, queries, keys, weights = seen.batch.once(("attention", metric.query, metric.key), make)
    found = seen.sites["pattern", metric.head.layer][rows, metric.head.head, queries, keys].double()
    return torch.where(weights != 0, weights * found, 0).sum(dim=1)


def _entries(metric: Attention, batch: Batch) -> tuple[Index, Index, Index, Tensor]:
    """[prompt, entry]: of each entry of a pattern that counts its row, query and key, and how much it counts; 0 for those
    that fill up. Raises BadMetric for keys that come after all queries."""
    found: list[list[tuple[int, int, int, float]]] = []
    for row, prompt in zip(batch.texts, batch.prompts, strict=True):
        queries, keys = (batch.columns(prompt, (position,)) for position in (metric.query, metric.key))
        if min(keys) > max(queries):
            raise BadMetric(
                f"{metric.key} is token {min(keys)} of prompt #{prompt.index} and {metric.query} token {max(queries)}: a "
                f"token attends to itself and those before it, so this attention is 0 whatever the model does. Exchange "
                f"query and key, or keep to prompts where the key comes first (task.where). {prompt.text!r}"
            )
        found.append([(row, query - batch.start, key, 1 / len(queries)) for query in queries for key in keys])
    most = max(map(len, found))
    filled = [entries + [(*entries[0][:3], 0.0)] * (most - len(entries)) for entries in found]
    rows, queries, keys = sent([[entry[:3] for entry in entries] for entries in filled], batch.device).permute(2, 0, 1)
    return rows, queries, keys, sent([[entry[3] for entry in entries] for entries in filled], batch.device, torch.float64)


@read.register
def _(metric: Norm, seen: Seen) -> PerPrompt:
    norms: PerPrompt = torch.linalg.vector_norm(_at_place(metric.site, metric.at, seen), dim=1)
    return norms


@read.register
def _(metric: Activation, seen: Seen) -> PerPrompt:
    return _at_place(metric.site, metric.at, seen)[:, 0]


def _at_place(site: Site, at: Position, seen: Seen) -> AtIndex:
    """[prompt, value]: what a site holds at one token of each prompt, in float64."""
    rows, columns = seen.batch.where((at,))
    where = place_of(site, rows, columns)
    found: AtIndex = seen.sites[site.kind, site.layer][where]
    return found.double().flatten(1)
