"""Are heads and neurons those that the weights say? Each against its own slice of the projection that reads it."""

from typing import Any

import torch
from torch import Tensor

from circuitcheck.engine.checkup import Finding
from circuitcheck.engine.torch.doctor.examined import ExaminedModel
from circuitcheck.engine.torch.loaded.model import rows_of
from circuitcheck.engine.torch.sites.access import Write, hooks_that_write
from circuitcheck.engine.torch.sites.hooks import points_of
from circuitcheck.places import KindName


def heads_by_weights(examined: ExaminedModel, kind: KindName, layer: int) -> Finding:
    """Another z changes what the output projection gives by the change of each head times that head's rows of its
    weights."""
    attention = examined.model.blocks[layer].attn
    weights = _read_by(getattr(attention, "o", None), attention, "W_O")
    points = (f"blocks.{layer}.attn.o.hook_out", f"blocks.{layer}.hook_attn_out")
    return _by_weights(examined, kind, layer, weights, points, examined.loaded.card.architecture.n_heads)


def neurons_by_weights(examined: ExaminedModel, kind: KindName, layer: int) -> Finding:
    """Other neurons change what the MLP gives by the change of each times that neuron's row of the output weights."""
    mlp = examined.model.blocks[layer].mlp
    weights = _read_by(getattr(mlp, "out", None), mlp, "W_out")
    points = (f"blocks.{layer}.mlp.out.hook_out", f"blocks.{layer}.mlp.hook_out", f"blocks.{layer}.hook_mlp_out")
    return _by_weights(examined, kind, layer, weights, points, examined.loaded.card.architecture.d_mlp or 0)


def _by_weights(
    examined: ExaminedModel, kind: KindName, layer: int, weights: Tensor | None, points: tuple[str, ...], count: int
) -> Finding:
    """`weights` [input, d_model] have their inputs in the order of heads or neurons, which the model has `count` of."""
    check = "each is the one of its weights"
    point = next((each for each in points if each in points_of(examined.model)), None)
    if weights is None or point is None:
        return Finding(kind, check, "noted", detail="this model has no projection whose weights could tell")
    ours, theirs = examined.our((kind, layer)), examined.their((kind, layer))
    if ours.shape[2] != count or ours[0, 0].numel() != weights.shape[0]:
        detail = (
            f"layer {layer} shows {tuple(ours.shape[2:])}, the model has {count}, and the weights {weights.shape[0]} inputs"
        )
        return Finding(kind, check, "failed", detail=detail)
    before = examined.read_point(point, [], layer)
    after = examined.read_point(point, hooks_that_write(examined.model, [Write(kind, layer, theirs.to)]), layer)
    moved = (theirs - ours).flatten(2) @ weights.double()
    return examined.compare(kind, check, after, before + moved, before)


def _read_by(projection: Any, holder: Any, name: str) -> Tensor | None:
    """The weights [input, d_model] of the module that `transformers` has there; of a HookedTransformer, its own."""
    module = getattr(projection, "original_component", None)
    rows = rows_of(module)
    if rows is not None and rows.is_floating_point():
        return rows
    own = getattr(holder, name, None) if module is None else None
    if not isinstance(own, Tensor) or own.dim() < 2:
        return None
    return torch.flatten(own.detach(), 0, -2) if name == "W_O" else own.detach()
