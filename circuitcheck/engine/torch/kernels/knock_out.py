"""Attention knock-out: scores so low that a query gives a key nothing."""

from collections.abc import Iterable
from functools import partial

import torch

from circuitcheck.engine.torch.kernels.base import Sources, writes_of
from circuitcheck.engine.torch.sites.access import Write, by_layer, place
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Index, Value
from circuitcheck.errors import BadIntervention
from circuitcheck.places import At
from circuitcheck.plan import KnockOut


@writes_of.register
def _(intervention: KnockOut, batch: Batch, sources: Sources) -> list[Write]:  # noqa: ARG001
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
    rows, queries, keys = torch.tensor(pairs, device=batch.device).T
    queries = queries - batch.start
    return [
        Write(kind, layer, partial(_silence, rows=rows, queries=queries, keys=keys, heads=_indices(groups)))
        for (kind, layer), groups in by_layer(intervention.writes).items()
    ]


def _indices(groups: Iterable[tuple[At, list[int]]]) -> list[int]:
    """Heads or neurons of all groups."""
    return [index for _, indices in groups for index in indices]


def _silence(value: Value, *, rows: Index, queries: Index, keys: Index, heads: list[int]) -> Value:
    written = value.clone()
    silent = torch.finfo(value.dtype).min
    for head in heads or range(value.shape[1]):
        written[rows, head, queries, keys] = silent
    touched = torch.unique(torch.stack([rows, queries], dim=1), dim=0)
    where = place("scores", heads, touched[:, 0], touched[:, 1])
    if (written[where].amax(dim=-1) <= silent / 2).any():
        raise BadIntervention("an attention knock-out leaves a token with nothing to attend to: leave it a key.")
    return written
