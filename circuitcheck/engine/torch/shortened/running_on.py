"""Do tokens that follow a prompt change nothing in it? Then prompts of several lengths can be run side by side."""

from typing import Any
from weakref import WeakKeyDictionary

import torch

from circuitcheck.engine.torch.shortened.parity import close
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Tokens
from circuitcheck.notices import say_once

_known: "WeakKeyDictionary[Any, dict[int, bool]]" = WeakKeyDictionary()  # by the next power of 2 of tokens


def may_run_on(model: HookedModel, name: object, tokens: Tokens, length: int) -> bool:
    """Tried on a prompt at hand [1, pos], when the model first meets one of up to the next power of 2 of tokens: its logits
    are compared with those that it has where others follow, up to `length`. What fails is said once."""
    known = _known.setdefault(model, {})
    rounded = 1 << (length - 1).bit_length()
    if rounded not in known:
        known[rounded] = _changes_nothing(model, tokens, length)
        if not known[rounded]:
            say_once(
                f"{name}: prompts of several lengths are not run side by side, for tokens after a prompt change its "
                f"numbers. Values are the same; they take longer."
            )
    return known[rounded]


def _changes_nothing(model: HookedModel, tokens: Tokens, length: int) -> bool:
    after = tokens[:, -1:].expand(-1, length - tokens.shape[1])
    try:
        with torch.no_grad():
            alone, followed = forward(model, tokens), forward(model, torch.cat([tokens, after], dim=1))
    except Exception:  # noqa: BLE001 - whatever a library raises for what it cannot do
        return False
    return close(followed[:, : tokens.shape[1]], alone)
