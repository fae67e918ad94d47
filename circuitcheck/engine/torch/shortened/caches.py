"""The keys and values of earlier tokens: how an untouched pass leaves them, and how one that begins later is given them.
A bridge takes the cache of `transformers`, a HookedTransformer one of its own, imported when one runs: TransformerLens takes
seconds to import, and where all values are stored nothing runs."""

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicCache

from circuitcheck.engine.torch.shortened.prefix_layer import PrefixLayer
from circuitcheck.engine.torch.sites.hooked_model import HookedModel, is_bridge
from circuitcheck.engine.torch.sites.shapes import Tokens

Layers = list[tuple[Tensor, Tensor]]  # keys and values of each, [prompt, head, pos, d_head]


def filling(model: HookedModel, tokens: Tokens) -> tuple[dict[str, Any], Any]:
    """What a pass over `tokens` [prompt, pos] is given so that it leaves its keys and values, and where it leaves them."""
    if is_bridge(model):
        cache = DynamicCache()
        return {"past_key_values": cache, "use_cache": True}, cache
    from circuitcheck.engine.torch.shortened.hooked_caches import empty_cache

    own = empty_cache(model, tokens)
    return {"past_kv_cache": own}, own


def filled(cache: Any, width: int) -> Layers:
    """What was left, where each layer holds one key for each of `width` tokens; else nothing."""
    if isinstance(cache, DynamicCache):
        found = [(each.keys, each.values) for each in cache.layers if getattr(each, "is_initialized", False)]
        found = found if len(found) == len(cache.layers) else []
    else:
        found = [(each.past_keys.transpose(1, 2), each.past_values.transpose(1, 2)) for each in cache.entries]
    return found if all(keys.shape[-2] == width for keys, _ in found) else []


def prefix(model: HookedModel, layers: Layers, start: int, copies: int) -> dict[str, Any]:
    """What a pass from the token `start` on is given: `copies` of the keys and values before it, side by side."""
    before = [(keys[..., :start, :], values[..., :start, :]) for keys, values in layers]
    if is_bridge(model):
        cache = DynamicCache()
        cache.layers = [PrefixLayer(keys, values, copies) for keys, values in before]
        return {"past_key_values": cache, "use_cache": True}
    from circuitcheck.engine.torch.shortened.hooked_caches import prefix_cache

    return {"past_kv_cache": prefix_cache([PrefixLayer(keys, values, copies) for keys, values in before])}
