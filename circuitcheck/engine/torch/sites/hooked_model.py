"""What is asked of a model that TransformerLens wraps: what TransformerBridge and HookedTransformer share, as far as it is
used here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn


class HookedModel(Protocol):
    """`cfg` has TransformerLens' names: n_layers, n_heads, d_model ... `blocks` are the layers, lowest first;
    `unembed` makes logits of the last stream."""

    cfg: Any
    blocks: Sequence[Any]
    unembed: Any

    @property
    def hook_dict(self) -> Mapping[str, Any]:
        """Hook points by name: `blocks.0.attn.hook_z`."""

    def __call__(self, tokens: Tensor, **how: Any) -> Any: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...


def is_bridge(model: HookedModel) -> bool:
    """Does it run a model of `transformers`? A HookedTransformer computes by itself."""
    return hasattr(model, "original_model")
