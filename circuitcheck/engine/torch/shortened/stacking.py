"""Several passes over the same prompts side by side, as one: each writes to its own rows."""

from collections.abc import Callable, Sequence
from functools import partial

import torch

from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.shapes import Value

Function = Callable[[Value], Value]


def stacked(writes_of_passes: Sequence[Sequence[Write]]) -> list[Write]:
    """The writes of passes that run side by side, the first pass's prompts first. Those of one pass at one site act one
    after the other. None of them reads other sites."""
    copies = len(writes_of_passes)
    if copies == 1:
        return list(writes_of_passes[0])
    functions: dict[SiteLayer, dict[int, list[Function]]] = {}
    for number, writes in enumerate(writes_of_passes):
        for write in writes:
            functions.setdefault((write.kind, write.layer), {}).setdefault(number, []).append(write.function)
    return [
        Write(kind, layer, partial(_each_its_own, functions=found, copies=copies))
        for (kind, layer), found in functions.items()
    ]


def _each_its_own(value: Value, *, functions: dict[int, list[Function]], copies: int) -> Value:
    parts = list(value.chunk(copies))
    for number, own in functions.items():
        for function in own:
            parts[number] = function(parts[number])
    return torch.cat(parts)
