"""The cache of keys and values that a HookedTransformer takes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache
from transformer_lens.cache.key_value_cache_entry import TransformerLensKeyValueCacheEntry

from circuitcheck.engine.torch.shortened.prefix_layer import PrefixLayer
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Tokens


def empty_cache(model: HookedModel, tokens: Tokens) -> TransformerLensKeyValueCache:
    """One that a pass over `tokens` [prompt, pos] fills."""
    return TransformerLensKeyValueCache.init_cache(model.cfg, tokens.device, len(tokens))


def prefix_cache(layers: Sequence[PrefixLayer]) -> TransformerLensKeyValueCache:
    """One that holds the keys and values of earlier tokens, of every layer, and is not added to."""
    rows, _, start, _ = layers[0].keys.shape
    nothing_masked = torch.ones(layers[0].copies * rows, start, dtype=torch.int, device=layers[0].keys.device)
    return TransformerLensKeyValueCache([_Entry(layer) for layer in layers], nothing_masked, frozen=True)


class _Entry(TransformerLensKeyValueCacheEntry):  # type: ignore[misc]  # TransformerLens has no types for it
    """One layer, as [prompt, pos, head, d_head]: nothing is copied before it runs. `past_keys` tell how much there is."""

    def __init__(self, layer: PrefixLayer) -> None:
        rows, heads, start, size = layer.keys.shape
        nothing = torch.empty(layer.copies * rows, start, heads, size, dtype=layer.keys.dtype, device="meta")
        super().__init__(nothing, nothing, frozen=True)
        self._layer = layer

    def append(self, new_keys: Tensor, new_values: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self._layer.update(new_keys.transpose(1, 2), new_values.transpose(1, 2))
        return keys.transpose(1, 2), values.transpose(1, 2)
