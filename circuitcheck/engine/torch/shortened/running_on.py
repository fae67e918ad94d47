"""Do tokens that follow a prompt change nothing in it? Then prompts of several lengths can be run side by side."""

from typing import Any
from weakref import WeakKeyDictionary

import torch

from circuitcheck.engine.torch.shortened.parity import close, next_power_of_2, passed
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Tokens
from circuitcheck.notices import say_once

_known: "WeakKeyDictionary[Any, dict[int, bool]]" = WeakKeyDictionary()  # by the next power of 2 of tokens


def may_run_on(model: HookedModel, name: object, tokens: Tokens, length: int, n_ctx: int) -> bool:
    """Tried when the model first meets prompts of up to the next power of 2 of tokens, on one at hand [1, pos]. Of so many
    tokens it has a half, which others follow up to the whole; its logits are compared with those that it has by itself.
    What fails is said once."""
    known = _known.setdefault(model, {})
    rounded = next_power_of_2(length)
    if rounded not in known:
        known[rounded] = _changes_nothing(model, tokens[:, : rounded // 2 + 1], min(rounded, n_ctx))
        if not known[rounded]:
            say_once(
                f"{name}: prompts of several lengths are not run side by side, for tokens after a prompt change its "
                f"numbers. Values are the same; they take longer."
            )
    return known[rounded]


def _changes_nothing(model: HookedModel, tokens: Tokens, length: int) -> bool:
    after = tokens[:, -1:].expand(-1, length - tokens.shape[1])

    def compared() -> bool:
        alone, followed = forward(model, tokens), forward(model, torch.cat([tokens, after], dim=1))
        return close(followed[:, : tokens.shape[1]], alone)

    return passed(compared)
