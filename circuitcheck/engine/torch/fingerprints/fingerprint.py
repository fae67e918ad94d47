"""Fingerprints: which weights, read how, tokenized how, by which libraries."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from circuitcheck.digest import function_in_words
from circuitcheck.engine.torch.fingerprints.recorded_state import modules_of, numbers_of

_NOT_COMPUTED = ("_name_or_path", "model_name", "tokenizer_name", "device", "transformers_version", "architectures")
Digests = Mapping[tuple[int, int, int], str]
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
        total.update((before.get(_state_of(tensor)) or _digest(tensor)).encode())
    return total.hexdigest()[:32]


def tensor_digests(model: nn.Module) -> Digests:
    """Of the bytes of each parameter, for `weights_digest` of a model that is made of the same tensors later."""
    return {_state_of(tensor): _digest(tensor) for tensor in model.parameters()}


def _state_of(tensor: torch.Tensor) -> tuple[int, int, int]:
    """Where it lies, its bytes, and how often it was written to."""
    return tensor.data_ptr(), tensor.nbytes, tensor._version


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
