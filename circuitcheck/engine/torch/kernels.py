"""What interventions do to tensors, by plan type: `hooks_of.register` adds a kind."""

from collections.abc import Callable
from functools import partial, singledispatch

import torch
from torch import Tensor

from circuitcheck.engine.torch.batch import Batch, Change
from circuitcheck.engine.torch.hooks import HookFunction, hook_name
from circuitcheck.engine.torch.sources import SiteLayer
from circuitcheck.plan import Ablate, Intervention, StreamMean

Lookup = Callable[[str | StreamMean, SiteLayer], Tensor]  # a source's value at a site, [prompt, pos, ...]


@singledispatch
def hooks_of(
    intervention: Intervention,
    batch: Batch,  # noqa: ARG001 - the signature that every kernel has
    lookup: Lookup,  # noqa: ARG001
    change: Change,  # noqa: ARG001
) -> list[tuple[str, HookFunction]]:
    """Hooks that carry out `intervention` on `batch` and record what they did in `change`."""
    raise TypeError(f"no kernel for {type(intervention).__name__}")


@hooks_of.register
def _(intervention: Ablate, batch: Batch, lookup: Lookup, change: Change) -> list[tuple[str, HookFunction]]:
    rows, columns = batch.where(intervention.at)
    sources = {(need.site.kind, need.site.layer): need.source for need in intervention.needs}
    hooks: list[tuple[str, HookFunction]] = []
    for (kind, layer), heads in _heads_by_layer(intervention).items():
        place: tuple[Tensor, ...] = (rows, columns)
        if heads:
            place = (rows[:, None], columns[:, None], torch.tensor(heads, device=batch.device))
        source = sources.get((kind, layer))
        value = None if source is None else lookup(source, (kind, layer))
        hooks.append((hook_name(kind, layer), partial(_write, place=place, source=value, rows=rows, change=change)))
    return hooks


def _write(value: Tensor, *, place: tuple[Tensor, ...], source: Tensor | None, rows: Tensor, change: Change) -> Tensor:
    if source is not None and source.shape != value.shape:
        raise ValueError(f"a source of shape {tuple(source.shape)} cannot replace values of shape {tuple(value.shape)}")
    old = value[place]
    new = torch.zeros_like(old) if source is None else source[place].to(value)
    written = value.clone()
    written[place] = new
    change.record(rows, old, new)
    return written


def _heads_by_layer(intervention: Ablate) -> dict[SiteLayer, list[int]]:
    """{(site kind, layer): heads}, the list empty where the whole layer is meant."""
    grouped: dict[SiteLayer, list[int]] = {}
    for site, _ in intervention.writes:
        heads = grouped.setdefault((site.kind, site.layer), [])
        if site.index is not None:
            heads.append(site.index)
    return grouped
