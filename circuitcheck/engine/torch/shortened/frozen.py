"""Does a layer whose heads and MLP are frozen add the same to any residual stream? Then it need not be run."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch

from circuitcheck.engine.torch.shortened.parity import Ways, close, passed
from circuitcheck.engine.torch.shortened.passes import Read, recorded_pass, short_passes, whole_pass
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, writes_that_put
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Tokens, Value
from circuitcheck.places import Architecture
from circuitcheck.plan import PatchPath, held_still

_PROMPTS = 2
_BY = (0.5, 3.0)  # what two passes side by side multiply the first layer's heads by
_ANY = PatchPath((), (), None, None)  # all of them freeze the same

_known: "WeakKeyDictionary[Any, bool]" = WeakKeyDictionary()


def frozen_layers_add(model: HookedModel, tokens: Tokens, architecture: Architecture, ways: Ways) -> bool:
    """Tried on prompts at hand, when a path first goes through the model: what the last layer reads is compared where the
    layers between it and the first are run, and where they are not. Other lengths show nothing else, for in frozen layers
    no token attends to another's change."""
    if model not in _known:
        _known[model] = architecture.n_layers > 2 and _works(model, tokens[:_PROMPTS], architecture, ways)
    return _known[model]


def _works(model: HookedModel, tokens: Tokens, architecture: Architecture, ways: Ways) -> bool:
    last, rows = architecture.n_layers - 1, torch.arange(len(tokens), device=tokens.device)
    read = Read(rows, torch.zeros_like(rows), alone=ways.answers)
    wanted: list[SiteLayer] = [("resid_pre", last)]

    def compared() -> bool:
        _, usual, recording = recorded_pass(model, tokens, held_still(_ANY, architecture), read, with_cache=False)
        writes = [_frozen(usual, by) for by in _BY]
        whole = [whole_pass(model, tokens, each, wanted, read)[1][wanted[0]] for each in writes]
        run = [[write for write in each if write.layer in (0, last)] for each in writes]
        shortcut = Shortcut(0, 0, last + 1, tuple(range(1, last)))
        _, kept = short_passes(model, tokens, run, wanted, read, shortcut=shortcut, recording=recording)
        return all(close(one, other) for one, other in zip(kept[wanted[0]].chunk(len(_BY)), whole, strict=True))

    return passed(compared)


def _frozen(usual: Mapping[SiteLayer, Value], by: float) -> list[Write]:
    return writes_that_put({where: value * by if where == ("z", 0) else value for where, value in usual.items()})
