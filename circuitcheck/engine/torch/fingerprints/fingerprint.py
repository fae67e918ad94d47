"""Fingerprints: which weights, read how, tokenized how, by which libraries."""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from circuitcheck.digest import function_in_words
from circuitcheck.engine.torch.fingerprints.recorded_state import modules_of, numbers_of

_NOT_COMPUTED = ("_name_or_path", "model_name", "tokenizer_name", "device", "transformers_version", "architectures")
State = tuple[int, int, int]
Digests = Mapping[State, str]
LIBRARIES = ("torch", "transformers", "transformer-lens")


def weights_digest(model: nn.Module, known: Digests | None = None) -> str:
    """SHA-256 over names, shapes, dtypes and the digests of all parameters. Of weights that are tied, the bytes are read
    once, and it counts which are tied to which. `known` digests are believed of tensors that nobody has written to since."""
    total, first, before = hashlib.sha256(), dict[int, str](), known or {}
    for name, tensor in sorted(model.named_parameters(remove_duplicate=False)):
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        if tensor.data_ptr() in first:
            total.update(f"is {first[tensor.data_ptr()]}".encode())
            continue
        first[tensor.data_ptr()] = name
        state = _state_of(tensor)
        total.update(((state and before.get(state)) or _digest(tensor)).encode())
    return total.hexdigest()[:32]


def own_weights(model: nn.Module) -> Digests:
    """Copy each parameter to memory of our own: a process dies where a file that it has mapped is cut short. The digests
    of their bytes are for `weights_digest` of a model that is made of the same tensors later."""
    with ThreadPoolExecutor() as pool:  # copies and digests let other threads run meanwhile
        parameters = list(model.parameters())
        made = list(pool.map(_copied, parameters))
    for parameter, (copy, _) in zip(parameters, made, strict=True):
        parameter.data = copy
    digests = {_state_of(parameter): digest for parameter, (_, digest) in zip(parameters, made, strict=True)}
    return {state: digest for state, digest in digests.items() if state is not None}


def _copied(parameter: nn.Parameter) -> tuple[torch.Tensor, str]:
    copy = parameter.data.clone()
    return copy, _digest(copy)


def _state_of(tensor: torch.Tensor) -> State | None:
    """Where it lies, its bytes, and how often it was written to, which torch does not count of tensors made in inference
    mode: these have none."""
    return None if tensor.is_inference() else (tensor.data_ptr(), tensor.nbytes, tensor._version)


def _digest(tensor: torch.Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().data).hexdigest()


def config_digest(model: Any) -> str:
    """Everything else that decides what the model computes: its config, less where it was read from, its buffers, the
    numbers that modules hold, and forwards that were put on them. Of a bridge, a HookedTransformer, or a model of
    `transformers`."""
    inner = getattr(model, "original_model", model)
    config = inner.config.to_dict() if hasattr(inner, "config") else vars(model.cfg)
    settings = {name: repr(value) for name, value in config.items() if name not in _NOT_COMPUTED}
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, buffer in sorted(model.named_buffers()):
        total.update(name.encode())
        total.update(buffer.detach().float().cpu().contiguous().numpy().data)
    for where, name, value in numbers_of(modules_of(model)):
        total.update(f"{where} {name} {value!r}".encode())
    for place, code in _replaced_forwards(model):
        total.update(f"{place} {code}".encode())
    return total.hexdigest()[:32]


def _replaced_forwards(model: Any) -> list[tuple[str, str]]:
    """Modules whose forward somebody replaced, with what it does as far as its code tells."""
    found = []
    for root in (model, getattr(model, "original_model", None)):
        for place, module in root.named_modules() if isinstance(root, nn.Module) else ():
            forward = vars(module).get("forward")
            if forward is not None:
                found.append((place, function_in_words(forward)))
    return found


def library_versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def digest_of(parts: dict[str, str]) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()
