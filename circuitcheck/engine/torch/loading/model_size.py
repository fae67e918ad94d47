"""How large is the model that a config asks for, and can its weights be in the files? Numbers that a config does not say are
those of its class, of a model with billions of weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from circuitcheck.engine.torch.loading.devices import memory_of, resolve_dtype
from circuitcheck.errors import CorruptCheckpoint, ModelUnavailable
from circuitcheck.models import ModelSpec


def check_model_size(spec: ModelSpec, folder: Path, said: Mapping[str, Any], names: Sequence[str]) -> None:
    """`said` is what config.json says, `names` are those of the tensors in safetensors files. Raises CorruptCheckpoint where
    a model would have more layers than there are tensors, or more weights than there are bytes; and what `transformers`
    raises for a config that no model can be made of."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    layers = getattr(config.get_text_config(), "num_hidden_layers", None)
    if names and isinstance(layers, int) and layers > len(names):
        raise CorruptCheckpoint(
            f"{spec}: config.json asks for {layers} layers, and its files hold {len(names)} tensors: they do not belong "
            f"together. Get a complete copy."
        )
    if said.get("quantization_config"):  # whose weights may share a byte
        return
    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # nothing is allocated
        model = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False
        )
    weights = sum(parameter.numel() for parameter in model.parameters())
    held = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    if weights > held:
        raise CorruptCheckpoint(
            f"{spec}: config.json asks for {weights:,} weights (those that it does not say have the sizes of a usual "
            f"{config.model_type} model), and its files hold {held:,} bytes: they do not belong together. Get a complete "
            f"copy."
        )
    check_memory(spec, weights)


def check_memory(spec: ModelSpec, weights: int) -> None:
    """Raises ModelUnavailable for more weights than all of this machine's memory holds: they are read into it first, also
    where they then go to another device."""
    wanted, there = weights * resolve_dtype(spec.dtype).itemsize, memory_of(torch.device("cpu"))
    if wanted > there:
        raise ModelUnavailable(
            f"{spec} has {weights:,} weights, which take {wanted >> 30} GB as {spec.dtype}, and this machine has "
            f"{there >> 30} GB. Use a machine with more, or load it in a smaller dtype, such as bfloat16."
        )
