"""The keys and values of earlier tokens: how an untouched pass leaves them, and how one that begins later is given them.
A bridge takes the cache of `transformers`, a HookedTransformer one of its own."""

from typing import Any

import torch
from torch import Tensor
from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache
from transformer_lens.cache.key_value_cache_entry import TransformerLensKeyValueCacheEntry
from transformers.cache_utils import DynamicCache, DynamicLayer

from circuitcheck.engine.torch.sites.hooked_model import HookedModel, is_bridge
from circuitcheck.engine.torch.sites.shapes import Tokens

Layers = list[tuple[Tensor, Tensor]]  # keys and values of each, [prompt, head, pos, d_head]


def filling(model: HookedModel, tokens: Tokens) -> tuple[dict[str, Any], Any]:
    """What a pass over `tokens` [prompt, pos] is given so that it leaves its keys and values, and where it leaves them."""
    if is_bridge(model):
        cache = DynamicCache()
        return {"past_key_values": cache, "use_cache": True}, cache
    own = TransformerLensKeyValueCache.init_cache(model.cfg, tokens.device, len(tokens))
    return {"past_kv_cache": own}, own


def filled(cache: Any, width: int) -> Layers:
    """What was left, where each layer holds one key for each of `width` tokens; else nothing."""
    if isinstance(cache, TransformerLensKeyValueCache):
        found = [(each.past_keys.transpose(1, 2), each.past_values.transpose(1, 2)) for each in cache.entries]
    else:
        found = [(each.keys, each.values) for each in cache.layers if getattr(each, "is_initialized", False)]
        found = found if len(found) == len(cache.layers) else []
    return found if all(keys.shape[-2] == width for keys, _ in found) else []


def prefix(model: HookedModel, layers: Layers, start: int, copies: int) -> dict[str, Any]:
    """What a pass from the token `start` on is given: `copies` of the keys and values before it, side by side."""
    before = [(keys[..., :start, :], values[..., :start, :]) for keys, values in layers]
    if is_bridge(model):
        cache = DynamicCache()
        cache.layers = [_Prefix(keys, values, copies) for keys, values in before]
        return {"past_key_values": cache, "use_cache": True}
    first = before[0][0]
    nothing_masked = torch.ones(copies * len(first), start, dtype=torch.int, device=first.device)
    entries = [_OwnPrefix(keys, values, copies) for keys, values in before]
    return {"past_kv_cache": TransformerLensKeyValueCache(entries, nothing_masked, frozen=True)}


class _Prefix(DynamicLayer):  # type: ignore[misc]  # transformers has no types for it
    """A layer's keys and values [prompt, head, pos, d_head] of the tokens before a pass, for each of its copies. They are
    not added to: each pass is one call."""

    def __init__(self, keys: Tensor, values: Tensor, copies: int) -> None:
        super().__init__()
        self.keys, self.values, self._copies = keys, values, copies
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def update(self, key_states: Tensor, value_states: Tensor, *_args: Any, **_how: Any) -> tuple[Tensor, Tensor]:
        return self._followed_by(self.keys, key_states), self._followed_by(self.values, value_states)

    def _followed_by(self, before: Tensor, new: Tensor) -> Tensor:
        rows, heads, start, size = before.shape
        whole = torch.empty(len(new), heads, start + new.shape[-2], size, dtype=new.dtype, device=new.device)
        whole.view(self._copies, rows, heads, -1, size)[:, :, :, :start] = before
        whole[:, :, start:] = new
        return whole


class _OwnPrefix(TransformerLensKeyValueCacheEntry):  # type: ignore[misc]  # nor has TransformerLens
    """The same for a HookedTransformer, whose layers hold [prompt, pos, head, d_head]: nothing is copied before its layer
    runs. `past_keys` tell how much there is of them."""

    def __init__(self, keys: Tensor, values: Tensor, copies: int) -> None:
        rows, heads, start, size = keys.shape
        nothing = torch.empty(copies * rows, start, heads, size, dtype=keys.dtype, device="meta")
        super().__init__(nothing, nothing, frozen=True)
        self._prefix = _Prefix(keys, values, copies)

    def append(self, new_keys: Tensor, new_values: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self._prefix.update(new_keys.transpose(1, 2), new_values.transpose(1, 2))
        return keys.transpose(1, 2), values.transpose(1, 2)
