"""What must not change while a model is in our hands: its weights, buffers, numbers and functions, its mode, its hooks."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from circuitcheck.errors import ModelChanged

_SAMPLED = 32  # values of each tensor
_ATTENTION = "eager_attention_forward"
_NUMBERS = frozenset((float, int, bool))
_LIBRARIES = ("transformer_lens.", "transformers.", "torch.")


@dataclass(frozen=True)
class RecordedState:
    """A cheap picture of a model, taken when it is loaded. Torch's in-place counters see edits of parameters and buffers,
    the sampled values see most edits through `.data`, which no counter sees; reading every byte is `LoadedModel.verify`.
    `settings` are the numbers that modules hold (such as a norm's epsilon), and forwards that were put on them; `held` is
    the same without the modules' names and the numbers of hook points, which takes less time."""

    tensors: tuple[tuple[int, int], ...]
    samples: bytes
    hooks: tuple[tuple[str, int], ...]
    held: tuple[object, ...]
    settings: tuple[tuple[str, str, float], ...]

    @classmethod
    def of(cls, model: Any) -> "RecordedState":
        modules = modules_of(model)
        return cls(*_weights(modules), _module_hooks(modules), _held(modules), _settings(modules))

    def check(self, modules: list[nn.Module], name: object) -> None:
        """Of the model that has these `modules_of`. Raises ModelChanged, naming what changed."""
        training = [type(module).__name__ for module in modules if module.training]
        if training:
            raise ModelChanged(f"{name} is in train mode ({training[0]}): dropout would act. Call .eval() on it.")
        if _weights(modules) != (self.tensors, self.samples):
            raise ModelChanged(f"the weights of {name} changed after it was loaded. Load it again.")
        hooks = _module_hooks(modules)
        if hooks != self.hooks:
            added = sorted({where for where, _ in set(hooks) ^ set(self.hooks)})
            raise ModelChanged(f"torch hooks of {name} changed at {', '.join(added[:3])}: remove yours, or load it again.")
        if _held(modules) != self.held:
            where, what, _ = min(set(_settings(modules)) ^ set(self.settings))
            raise ModelChanged(f"{what} of {where} in {name} changed after it was loaded. Load it again.")


def check_no_torch_hooks(modules: list[nn.Module], name: object) -> None:
    """Of the model that has these `modules_of`. Raises ModelChanged for hooks that neither TransformerLens nor transformers
    put there: every run would carry them."""
    if any(getattr(torch_module, f"_global_forward{kind}hooks") for kind in ("_", "_pre_")):
        raise ModelChanged(f"torch has forward hooks on all modules, {name} among them: remove them first.")
    for module in modules:
        if (module._forward_hooks or module._forward_pre_hooks) and not all(map(_is_library_s, _hooks(module))):
            raise ModelChanged(f"{name} carries a torch hook on its {type(module).__name__}: remove it first.")


def _weights(modules: list[nn.Module]) -> tuple[tuple[tuple[int, int], ...], bytes]:
    """Addresses and in-place counters of all tensors, tied ones once, and some of their values."""
    tensors = list({id(tensor): tensor for tensor in _tensors(modules)}.values())
    return tuple((tensor.data_ptr(), _version(tensor)) for tensor in tensors), _sample(tensors)


def _hooks(module: nn.Module) -> tuple[Callable[..., Any], ...]:
    return (*module._forward_hooks.values(), *module._forward_pre_hooks.values())


# A mode, a mark that transformers leaves where it put hooks, and what a bridge holds during a run (also one that raised).
_OF_A_RUN = frozenset(("training", "_output_capturing_hooks_installed", "_current_batch_size", "_fired_hook_out"))


def _only_looks(hook: Callable[..., Any]) -> bool:
    return getattr(hook, "__module__", "") == "transformers.utils.output_capturing"


def _is_library_s(hook: Callable[..., Any]) -> bool:
    inner = getattr(hook, "func", hook)  # of a partial
    return str(getattr(inner, "__module__", "")).startswith(_LIBRARIES)


def _tensors(modules: list[nn.Module]) -> Iterator[torch.Tensor]:
    """Weights, and the buffers that a run does not replace itself."""
    for module in modules:
        if module._parameters or module._buffers:
            held = (module._parameters, {} if _grows_with_the_prompt(module) else module._buffers)
            yield from (tensor for each in held for tensor in each.values() if tensor is not None)


def _grows_with_the_prompt(module: nn.Module) -> bool:
    """Rotary frequencies of some kinds are worked out anew for longer prompts."""
    return vars(module).get("rope_type") in ("dynamic", "longrope")


def _version(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _sample(tensors: list[torch.Tensor]) -> bytes:
    flat = [tensor.detach().reshape(-1) for tensor in tensors]
    picked = torch.cat([each[:: max(1, each.numel() // _SAMPLED)].float() for each in flat])
    return bytes(picked.cpu().numpy().data)


def _held(modules: list[nn.Module]) -> tuple[object, ...]:
    """What `_settings` tells, in one flat row: this happens around every run, and Python looks through tuples of tuples for
    garbage. Not the numbers of hook points, which are most of the modules: no run depends on them."""
    from transformer_lens.hook_points import HookPoint

    found: list[object] = []
    for module in modules:
        held, kind = vars(module), type(module)
        found.append(kind.__name__)
        if "forward" in held:
            found.append(id(held["forward"]))
        if kind is not HookPoint:
            for number in _numbers(module):
                found += number
    return (*found, _functions(modules))


def _settings(modules: list[nn.Module]) -> tuple[tuple[str, str, float], ...]:
    forwards = (
        (f"{type(module).__name__} {index}", "forward", float(id(vars(module)["forward"])))
        for index, module in enumerate(modules)
        if "forward" in vars(module)
    )
    return (*numbers_of(modules), *forwards, *_functions(modules))


def _functions(modules: list[nn.Module]) -> tuple[tuple[str, str, float], ...]:
    """Functions that a whole process shares: loading another model may replace them, and this one then computes
    otherwise."""
    kinds = {type(module) for module in modules}
    sources = {sys.modules[kind.__module__] for kind in kinds if kind.__module__ in sys.modules}
    attention = {source.__name__: getattr(source, _ATTENTION) for source in sources if hasattr(source, _ATTENTION)}
    return (
        *sorted((kind.__qualname__, "forward", float(id(kind.forward))) for kind in kinds),
        *sorted((name, _ATTENTION, float(id(function))) for name, function in attention.items()),
    )


def numbers_of(modules: list[nn.Module]) -> tuple[tuple[str, str, float], ...]:
    """(module, name, value) of the numbers that modules hold, such as the epsilon of a norm."""
    found = []
    for index, module in enumerate(modules):
        name = f"{type(module).__name__} {index}"
        found += [(name, key, float(value)) for key, value in _numbers(module)]
    return tuple(found)


def _numbers(module: nn.Module) -> list[tuple[str, float]]:
    if _grows_with_the_prompt(module):
        return []
    return [(key, value) for key, value in vars(module).items() if type(value) in _NUMBERS and key not in _OF_A_RUN]


def _module_hooks(modules: list[nn.Module]) -> tuple[tuple[str, int], ...]:
    """Modules with hooks of torch's own, and how many; hook points are the library's, and looked at elsewhere. Those that
    transformers puts in place at the first `run_with_cache`, and that only look, do not count."""
    from transformer_lens.hook_points import HookPoint

    counts = (
        (f"{type(module).__name__} {index}", sum(not _only_looks(hook) for hook in _hooks(module)))
        for index, module in enumerate(modules)
        if (module._forward_hooks or module._forward_pre_hooks) and not isinstance(module, HookPoint)
    )
    return tuple((where, count) for where, count in counts if count)


def modules_of(model: Any) -> list[nn.Module]:
    """Each once. A bridge keeps the model that it wraps outside torch's own tree. Torch's own walk is slow, and this one
    happens around every run."""
    found: dict[int, nn.Module] = {}
    waiting = [root for root in (model, getattr(model, "original_model", None)) if isinstance(root, nn.Module)]
    while waiting:
        module = waiting.pop()
        if id(module) not in found:
            found[id(module)] = module
            waiting += [child for child in module._modules.values() if child is not None]
    return list(found.values())
