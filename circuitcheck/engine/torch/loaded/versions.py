"""What differs between the versions of TransformerLens that we run on: 3.9, and 4 without HookedTransformer."""

from typing import Any


def wrapped_models() -> tuple[type[Any], ...]:
    """The classes of models that TransformerLens wraps."""
    from transformer_lens.model_bridge import TransformerBridge

    try:
        from transformer_lens import HookedTransformer
    except ImportError:
        return (TransformerBridge,)
    return (TransformerBridge, HookedTransformer)
