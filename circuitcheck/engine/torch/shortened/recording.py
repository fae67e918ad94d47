"""What an untouched pass leaves for shorter ones: what each layer gave, and the keys and values that later tokens attend
to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from circuitcheck.engine.torch.sites.hooked_model import HookedModel


@dataclass
class Recording:
    """`outputs` are what the layers gave: the residual stream [prompt, pos, d_model], alone or first in a tuple, as the
    library's own loop over layers takes it. `keys` and `values` are those of each layer, [prompt, head, pos, d_head]; none
    where the model keeps none that can be used."""

    outputs: list[Any] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        held = [*map(stream_of, self.outputs), *self.keys, *self.values]
        return sum(each.numel() * each.element_size() for each in held)

    def keep_cache(self, cache: DynamicCache, width: int) -> None:
        """Those of layers that all hold one key for each of `width` tokens; else none."""
        layers = cache.layers
        if all(getattr(layer, "is_initialized", False) and layer.keys.shape[-2] == width for layer in layers):
            self.keys, self.values = [each.keys for each in layers], [each.values for each in layers]


def stream_of(output: Any) -> Tensor:
    """The residual stream in what a layer gave."""
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found


@contextmanager
def recorded(model: HookedModel, recording: Recording, *, with_cache: bool, width: int) -> Iterator[dict[str, Any]]:
    """Run the body with what a pass must be given for it, and put what its layers give into `recording`."""
    cache = DynamicCache() if with_cache else None
    handles = [block.register_forward_hook(_keep(recording)) for block in model.blocks]
    try:
        yield {} if cache is None else {"past_key_values": cache, "use_cache": True}
    finally:
        for handle in handles:
            handle.remove()
    if cache is not None:
        recording.keep_cache(cache, width)


def _keep(recording: Recording) -> Any:
    def keep(_block: Any, _given: Any, output: Any) -> None:
        if isinstance(output, tuple):
            rest = (None if isinstance(each, torch.Tensor) else each for each in output[1:])
            output = (output[0].detach().clone(), *rest)
        else:
            output = output.detach().clone()
        recording.outputs.append(output)

    return keep
