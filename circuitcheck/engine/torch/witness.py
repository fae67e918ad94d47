"""What must not change while a model is in our hands: its weights, its mode, its hooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from circuitcheck.errors import ModelChanged

_SAMPLED = 32  # values of each tensor


@dataclass(frozen=True)
class Witness:
    """A cheap picture of a model, taken when it is loaded. Torch's in-place counters see edits of parameters, the sampled
    values see most edits through `.data`, which no counter sees; reading every byte is `LoadedModel.verify`."""

    tensors: tuple[tuple[str, int, int], ...]
    samples: bytes
    hooks: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, model: Any) -> "Witness":
        parameters = sorted(model.named_parameters())
        state = tuple((name, tensor.data_ptr(), tensor._version) for name, tensor in parameters)
        return cls(state, _sample([tensor for _, tensor in parameters]), _module_hooks(model))

    def check(self, model: Any, name: object) -> None:
        """Raises ModelChanged, naming what changed."""
        training = [type(module).__name__ for module in _modules(model) if module.training]
        if training:
            raise ModelChanged(f"{name} is in train mode ({training[0]}): dropout would act. Call .eval() on it.")
        now = Witness.of(model)
        if (now.tensors, now.samples) != (self.tensors, self.samples):
            raise ModelChanged(f"the weights of {name} changed after it was loaded. Load it again.")
        if now.hooks != self.hooks:
            added = sorted({where for where, _ in set(now.hooks) ^ set(self.hooks)})
            raise ModelChanged(f"torch hooks of {name} changed at {', '.join(added[:3])}: remove yours, or load it again.")


def _sample(tensors: list[torch.Tensor]) -> bytes:
    flat = [tensor.detach().reshape(-1) for tensor in tensors]
    picked = torch.cat([each[:: max(1, each.numel() // _SAMPLED)].float() for each in flat])
    return bytes(picked.cpu().numpy().data)


def _module_hooks(model: Any) -> tuple[tuple[str, int], ...]:
    """Modules with hooks of torch's own, and how many; hook points are the library's, and looked at elsewhere."""
    from transformer_lens.hook_points import HookPoint

    counts = (
        (f"{type(module).__name__} {index}", len(module._forward_hooks) + len(module._forward_pre_hooks))
        for index, module in enumerate(_modules(model))
        if not isinstance(module, HookPoint)
    )
    return tuple((where, count) for where, count in counts if count)


def _modules(model: Any) -> Iterator[nn.Module]:
    """A bridge keeps the model that it wraps outside torch's own tree."""
    seen: set[int] = set()
    for root in (model, getattr(model, "original_model", None)):
        for module in root.modules() if isinstance(root, nn.Module) else ():
            if id(module) not in seen:
                seen.add(id(module))
                yield module
