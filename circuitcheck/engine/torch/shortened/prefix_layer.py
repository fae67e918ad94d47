"""A layer's keys and values of the tokens before a pass that begins later."""

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer


class PrefixLayer(DynamicLayer):  # type: ignore[misc]  # transformers has no types for it
    """A layer's keys and values [prompt, head, pos, d_head] of the tokens before a pass, for each of its copies. They are
    not added to: each pass is one call."""

    def __init__(self, keys: Tensor, values: Tensor, copies: int) -> None:
        super().__init__()
        self.keys, self.values, self.copies = keys, values, copies
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def update(self, key_states: Tensor, value_states: Tensor, *_args: Any, **_how: Any) -> tuple[Tensor, Tensor]:
        return self._followed_by(self.keys, key_states), self._followed_by(self.values, value_states)

    def _followed_by(self, before: Tensor, new: Tensor) -> Tensor:
        rows, heads, start, size = before.shape
        whole = torch.empty(len(new), heads, start + new.shape[-2], size, dtype=new.dtype, device=new.device)
        whole.view(self.copies, rows, heads, -1, size)[:, :, :, :start] = before
        whole[:, :, start:] = new
        return whole
