"""How much the output of one head and the input of a later one have in common, by their weights alone.

Q-, K- and V-composition of Elhage et al. 2021 ("A Mathematical Framework for Transformer Circuits"): the Frobenius norm of
the product of the earlier head's OV matrix with the later one's QK matrix (for K transposed, for V its OV matrix), over
the product of their norms. The weights of the norm that each head reads through are folded in. Biases and rotations are
no part of it.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loaded.norms import read_through
from circuitcheck.errors import UnsupportedModel

Kind = Literal["Q", "K", "V"]
Factors = tuple[Tensor, Tensor]  # [d_model, d_head] and [d_head, d_model], whose product is meant


def composition(loaded: LoadedModel, kind: Kind) -> Tensor:
    """[layer, head, later layer, later head], NaN where the second is not in a later layer. Raises UnsupportedModel for
    attention without such matrices."""
    model = loaded.model
    layers, heads = int(model.cfg.n_layers), int(model.cfg.n_heads)
    scores = torch.full((layers, heads, layers, heads), torch.nan, dtype=torch.float64)
    writes = [_ov(loaded, layer) for layer in range(layers)]
    reads = writes if kind == "V" else [_qk(loaded, layer, kind) for layer in range(layers)]
    for first in range(layers):
        for second in range(first + 1, layers):
            for one, left in enumerate(writes[first]):
                for other, right in enumerate(reads[second]):
                    scores[first, one, second, other] = _norm_of_product(left, right) / (_norm(left) * _norm(right))
    return scores


def _norm_of_product(left: Factors, right: Factors) -> Tensor:
    """The Frobenius norm of A B C D, from matrices of the size of a head."""
    (a, b), (c, d) = left, right
    middle = b @ c
    return ((a.T @ a) * (middle @ (d @ d.T) @ middle.T)).sum().clamp(min=0).sqrt()


def _norm(factors: Factors) -> Tensor:
    a, b = factors
    return ((a.T @ a) * (b @ b.T)).sum().clamp(min=0).sqrt()


def _ov(loaded: LoadedModel, layer: int) -> list[Factors]:
    values, outputs = _read(loaded, layer, "W_V"), _weights(loaded, layer, "W_O")
    return list(zip(values, outputs, strict=True))


def _qk(loaded: LoadedModel, layer: int, kind: Kind) -> list[Factors]:
    queries, keys = _read(loaded, layer, "W_Q"), _read(loaded, layer, "W_K")
    pairs = zip(queries, keys, strict=True)
    return [(query, key.T) if kind == "Q" else (key, query.T) for query, key in pairs]


def _read(loaded: LoadedModel, layer: int, name: str) -> list[Tensor]:
    """[d_model, d_head] of each head, as it reads the stream before its norm."""
    norm, parameter = loaded.model.blocks[layer].ln1, next(loaded.model.parameters())
    return [read_through(norm, parameter, each) for each in _weights(loaded, layer, name)]


def _weights(loaded: LoadedModel, layer: int, name: str) -> list[Tensor]:
    """Of each head; heads that share keys and values share theirs."""
    attention: Any = loaded.model.blocks[layer].attn
    heads = int(loaded.model.cfg.n_heads)
    try:
        found = getattr(attention, name).detach().double().cpu()
    except (AttributeError, NotImplementedError, TypeError) as error:
        raise UnsupportedModel(f"layer {layer} of {loaded.card.ref} has no {name}: its heads have no scores.") from error
    if found.dim() != 3 or heads % len(found):
        raise UnsupportedModel(
            f"{name} in layer {layer} of {loaded.card.ref} has the shape {tuple(found.shape)}, expected one matrix a head: "
            f"its heads have no scores."
        )
    return list(found.repeat_interleave(heads // len(found), dim=0))
