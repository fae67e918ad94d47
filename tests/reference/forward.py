"""The forward pass by hand, one explicit variable per named place.

At each place it calls `site(kind, layer, head, value)` and goes on with what that returns.
"""

from collections.abc import Callable

import torch
from families import Family
from torch import Tensor

Site = Callable[[str, int | None, int | None, Tensor], Tensor]


def run(family: Family, tokens: Tensor, site: Site) -> Tensor:
    """The logits [prompt, position, vocabulary] of one pass over tokens [prompt, position]."""
    embedded = site("embed", None, None, family.embed(tokens))
    stream = family.add_positions(embedded)
    for layer in range(family.n_layers):
        stream = _block(family, layer, stream, site)
    final = site("resid_final", None, None, stream)
    return family.unembed(final)


def _block(family: Family, layer: int, stream: Tensor, site: Site) -> Tensor:
    pre = site("resid_pre", layer, None, stream)
    attn_out = _attention(family, layer, pre, site)
    if family.parallel:
        mlp_out = _mlp(family, layer, pre, site)
        post = pre + attn_out + mlp_out
    else:
        mid = site("resid_mid", layer, None, pre + attn_out)
        mlp_out = _mlp(family, layer, mid, site)
        post = mid + mlp_out
    return site("resid_post", layer, None, post)


def _attention(family: Family, layer: int, stream: Tensor, site: Site) -> Tensor:
    normed = family.attention_norm(layer, stream)
    queries, keys, values = family.queries_keys_values(layer, normed)
    queries = [site("q", layer, head, query) for head, query in enumerate(queries)]
    keys = [site("k", layer, head, key) for head, key in enumerate(keys)]
    values = [site("v", layer, head, value) for head, value in enumerate(values)]
    visible = visible_keys(stream.shape[1], family.window(layer))
    queries_per_key = family.n_heads // family.n_key_value_heads
    placed_keys = [family.placed_key(layer, key) for key in keys]
    projected = torch.zeros_like(stream)
    for head, query in enumerate(queries):
        placed_key, value = placed_keys[head // queries_per_key], values[head // queries_per_key]
        placed_query = family.placed_query(layer, query)
        scores = torch.einsum("pqd,pkd->pqk", placed_query, placed_key) * family.scale(layer)
        scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
        scores = site("scores", layer, head, scores)
        pattern = site("pattern", layer, head, family.softmax(scores))
        z = site("z", layer, head, torch.einsum("pqk,pkd->pqd", pattern, value))
        projected = projected + site("result", layer, head, z @ family.output_weight(layer, head))
    bias = family.output_bias(layer)
    if bias is not None:
        projected = projected + bias
    return site("attn_out", layer, None, family.attention_post_norm(layer, projected))


def visible_keys(length: int, window: int | None) -> Tensor:
    """[query, key]: whether the query may look at the key (not later, and fewer than `window` positions back)."""
    back = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    return (back >= 0) if window is None else (back >= 0) & (back < window)


def _mlp(family: Family, layer: int, stream: Tensor, site: Site) -> Tensor:
    read_stream = site("mlp_in", layer, None, stream)
    neurons = site("neurons", layer, None, family.neurons(layer, family.mlp_norm(layer, read_stream)))
    return site("mlp_out", layer, None, family.mlp_project(layer, neurons))
