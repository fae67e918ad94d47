"""Norms of a TransformerBridge that work out what `hook_scale` and `hook_normalized` show only where a hook looks."""

from typing import Any

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge.generalized_components.normalization import NormalizationBridge

_TOKENS = 64  # of a trial
_OBSERVED: dict[type, type] = {}  # by the library's own
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class ObservedNorm:
    """The library works both out in every run, beside the norm that it wraps and whose output it gives. That takes as long
    as the norm."""

    def forward(self: Any, hidden_states: Tensor, **kwargs: Any) -> Any:
        if _has_hooks(self.hook_scale) or _has_hooks(self.hook_normalized):
            return super().forward(hidden_states, **kwargs)  # type: ignore[misc]
        given = self.hook_in(hidden_states)
        return self.hook_out(self.original_component(given).to(given.dtype))


def observe_norms(bridge: nn.Module) -> None:
    """Of a bridge that no one else has. Norms that give other bits so stay as they are, as a trial shows: the library works
    some out anew."""
    for module in bridge.modules():
        if isinstance(module, NormalizationBridge) and type(module).forward is NormalizationBridge.forward:
            _observe(module)


def _observe(norm: Any) -> None:
    kind = type(norm)
    try:
        weight = norm.weight
        values = torch.randn(1, _TOKENS, len(weight), generator=torch.Generator().manual_seed(0)).to(weight)
        with torch.no_grad():
            usual = norm(values)
            norm.__class__ = _observed(kind)
            same = torch.equal(norm(values), usual)
    except Exception:  # noqa: BLE001 - whatever a library raises for what it is not made for
        same = False
    if not same:
        norm.__class__ = kind


def _observed(kind: type) -> type:
    """Of the same name: fingerprints hold it."""
    if kind not in _OBSERVED:
        _OBSERVED[kind] = type(kind.__name__, (ObservedNorm, kind), {})
    return _OBSERVED[kind]


def _has_hooks(point: HookPoint) -> bool:
    return any(getattr(point, hooks) for hooks in _HOOKS)
