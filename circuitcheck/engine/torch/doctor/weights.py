"""Are heads and neurons those that the weights say? Each against its own slice of the projection that reads it."""

from typing import Any

import torch
from torch import Tensor, nn

from circuitcheck.engine.checkup import Finding
from circuitcheck.engine.torch.doctor.patient import Patient, worst
from circuitcheck.engine.torch.sites import Write, hooks_that_write
from circuitcheck.plan import SiteKind

_NEURONS = 8  # that are looked at in a layer, spread over it


def heads_by_weights(patient: Patient, kind: SiteKind, layer: int) -> Finding:
    """Another z of one head changes what the output projection gives by that head's rows of its weights, and by nothing
    else."""
    attention = patient.model.blocks[layer].attn
    weights = _read_by(getattr(attention, "o", None), attention, "W_O")
    points = (f"blocks.{layer}.attn.o.hook_out", f"blocks.{layer}.hook_attn_out")
    heads = patient.loaded.card.architecture.n_heads
    return _by_weights(patient, kind, layer, weights, points, range(heads), heads)


def neurons_by_weights(patient: Patient, kind: SiteKind, layer: int) -> Finding:
    """Another value of one neuron changes what the MLP gives by that neuron's row of the output weights."""
    mlp = patient.model.blocks[layer].mlp
    weights = _read_by(getattr(mlp, "out", None), mlp, "W_out")
    points = (f"blocks.{layer}.mlp.out.hook_out", f"blocks.{layer}.mlp.hook_out", f"blocks.{layer}.hook_mlp_out")
    width = patient.loaded.card.architecture.d_mlp or 0
    picked = range(0, width, max(1, width // _NEURONS))
    return _by_weights(patient, kind, layer, weights, points, picked, width)


def _by_weights(
    patient: Patient, kind: SiteKind, layer: int, weights: Tensor | None, points: tuple[str, ...], parts: range, count: int
) -> Finding:
    """`weights` [input, d_model] have their inputs in the order of heads or neurons, `count` of them, of which `parts` are
    looked at."""
    check = "each is the one of its weights"
    point = next((each for each in points if each in patient.model.hook_dict), None)
    if weights is None or point is None:
        return Finding(kind, check, "noted", detail="this model has no projection whose weights could tell")
    if not count or weights.shape[0] % count:
        return Finding(
            kind, check, "failed", detail=f"{weights.shape[0]} inputs of layer {layer}'s weights are not of {count}"
        )
    ours, theirs = patient.our((kind, layer)), patient.their((kind, layer))
    before = patient.read_point(point, [])
    found = []
    for part in parts:
        new = ours.clone()
        new[:, :, part] = theirs[:, :, part]
        after = patient.read_point(point, hooks_that_write(patient.model, [Write(kind, layer, new.to)]))
        rows = weights.double().reshape(count, -1, weights.shape[-1])[part]
        moved = (theirs - ours)[:, :, part].reshape(*ours.shape[:2], -1) @ rows
        found.append(patient.compare(kind, check, after, before + moved, before))
    return worst(found)


def _read_by(projection: Any, holder: Any, name: str) -> Tensor | None:
    """The weights [input, d_model] of the module that `transformers` has there; of a HookedTransformer, its own."""
    module = getattr(projection, "original_component", None)
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.dim() == 2 and weight.is_floating_point():
        return weight.detach().T if isinstance(module, nn.Linear) else weight.detach()  # GPT-2's Conv1D has inputs first
    own = getattr(holder, name, None) if module is None else None
    if not isinstance(own, Tensor) or own.dim() < 2:
        return None
    return torch.flatten(own.detach(), 0, -2) if name == "W_O" else own.detach()
