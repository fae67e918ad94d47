"""What an untouched pass leaves for shorter ones: what each layer gave, and the keys and values that later tokens attend
to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from circuitcheck.engine.torch.shortened.caches import Layers, filled, filling
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Tokens


@dataclass
class Recording:
    """`outputs` are what the layers gave: the residual stream [prompt, pos, d_model], alone or first in a tuple, as the
    library's own loop over layers takes it. `attended` are the keys and values of each layer; none where the model keeps
    none that can be used."""

    outputs: list[Any] = field(default_factory=list)
    attended: Layers = field(default_factory=list)

    @property
    def bytes(self) -> int:
        held = [*map(stream_of, self.outputs), *(each for pair in self.attended for each in pair)]
        return sum(each.numel() * each.element_size() for each in held)


def stream_of(output: Any) -> Tensor:
    """The residual stream in what a layer gave."""
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found


@contextmanager
def recorded(model: HookedModel, tokens: Tokens, recording: Recording, *, with_cache: bool) -> Iterator[dict[str, Any]]:
    """Run the body with what a pass must be given for it, and put what its layers give into `recording`."""
    given, cache = filling(model, tokens) if with_cache else ({}, None)
    handles = [block.register_forward_hook(_keep(recording)) for block in model.blocks]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()
    if with_cache:
        recording.attended = filled(cache, tokens.shape[1])


def _keep(recording: Recording) -> Any:
    def keep(_block: Any, _given: Any, output: Any) -> None:
        if isinstance(output, tuple):
            rest = (None if isinstance(each, torch.Tensor) else each for each in output[1:])
            output = (output[0].detach().clone(), *rest)
        else:
            output = output.detach().clone()
        recording.outputs.append(output)

    return keep
