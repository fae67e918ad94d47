"""Attention knock-out: scores so low that a query gives a key nothing."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from circuitcheck.engine.torch.kernels.base import Refuse, Sources, writes_of
from circuitcheck.engine.torch.sites.access import Write, by_layer, place
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Index, Value
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadIntervention
from circuitcheck.places import At
from circuitcheck.plan import KnockOut


@writes_of.register
def _(intervention: KnockOut, batch: Batch, sources: Sources) -> list[Write]:
    allowed = [set(batch.columns(prompt, intervention.key)) for prompt in batch.prompts]
    pairs = [
        (row, query, key)
        for row, prompt in enumerate(batch.prompts)
        for query in batch.columns(prompt, intervention.query)
        for key in allowed[row]
    ]
    for row, query, _ in pairs:
        if set(range(query + 1)) <= allowed[row]:
            raise BadIntervention(
                f"{intervention.describe()}: token {query} of {batch.prompts[row].text!r} is left with nothing to "
                f"attend to. Leave it a key, or ablate the heads."
            )
    silenced = [(row, query - batch.start, key) for row, query, key in pairs]
    rows, queries, keys = sent(silenced, batch.device).T
    touched = sent(sorted({pair[:2] for pair in silenced}), batch.device).T
    return [
        Write(
            kind,
            layer,
            partial(_silence, rows=rows, queries=queries, keys=keys, touched=touched, heads=heads, refuse=sources.refuse),
        )
        for (kind, layer), groups in by_layer(intervention.writes).items()
        for heads in [_indices(groups)]
    ]


def _indices(groups: Iterable[tuple[At, list[int]]]) -> list[int]:
    """Heads or neurons of all groups."""
    return [index for _, indices in groups for index in indices]


def _silence(
    value: Value, *, rows: Index, queries: Index, keys: Index, touched: Tensor, heads: list[int], refuse: Refuse
) -> Value:
    """`touched` are the rows and the queries of `rows` and `queries`, each pair once."""
    written = value.clone()
    silent = torch.finfo(value.dtype).min
    for head in heads or range(value.shape[1]):
        written[rows, head, queries, keys] = silent
    where = place("scores", heads, *touched)
    refuse((written[where].amax(dim=-1) <= silent / 2).any(), _nothing_left)
    return written


def _nothing_left() -> BadIntervention:
    return BadIntervention("an attention knock-out leaves a token with nothing to attend to: leave it a key.")
