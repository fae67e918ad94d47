"""Path patching: a run in which everything is frozen but the senders tells what the receivers read."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from circuitcheck.engine.torch.batch import Batch, Change
from circuitcheck.engine.torch.kernels import Sources, replacements, writes_of
from circuitcheck.engine.torch.sites import SiteLayer, Write
from circuitcheck.plan import Head, PatchPath, SiteKind


@writes_of.register
def _(intervention: PatchPath, batch: Batch, sources: Sources, change: Change) -> list[Write]:
    seen = _read_by_receivers(intervention, batch, sources)
    return replacements(intervention.writes, batch, lambda where: seen[where], change)


def _read_by_receivers(path: PatchPath, batch: Batch, sources: Sources) -> dict[SiteLayer, Tensor]:
    """The receivers' values where each layer adds what it adds in the run so far, but for the senders."""
    heads = {unit.layer for unit in path.senders if isinstance(unit, Head)}
    layers = range(sources.n_layers)
    frozen: list[SiteLayer] = [("z" if layer in heads else "attn_out", layer) for layer in layers]
    frozen += [("mlp_out", layer) for layer in layers]
    usual = sources.rerun([], frozen)
    rows, columns = batch.where(path.sender_at)
    for unit in path.senders:
        kind: SiteKind = "z" if isinstance(unit, Head) else "mlp_out"
        index = [torch.tensor([unit.head], device=batch.device)] if isinstance(unit, Head) else []
        place: tuple[Any, ...] = (rows[:, None], columns[:, None], *index) if index else (rows, columns)
        usual[kind, unit.layer][place] = sources.value(path.source or "", (kind, unit.layer))[place]
    freeze = [Write(kind, layer, partial(_instead, new=usual[kind, layer])) for kind, layer in frozen]
    return sources.rerun(freeze, {(site.kind, site.layer) for site in path.receivers})


def _instead(_old: Tensor, *, new: Tensor) -> Tensor:
    return new
