"""Small random causal language models of the six families, and random prompts for them."""

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

FAMILIES = ("gpt2", "llama", "neox", "gemma3", "qwen2", "qwen3")
VOCAB, CONTEXT = 60, 64


def tiny_config(family: str, vocab: int = VOCAB) -> PreTrainedConfig:
    """The small config of a family (`neox_sequential` is an extra: GPT-NeoX without the parallel residual)."""
    token_ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}
    common = dict(vocab_size=vocab, max_position_embeddings=CONTEXT, **token_ids)
    grouped = dict(num_attention_heads=4, num_key_value_heads=2, intermediate_size=40, **common)
    if family == "gpt2":
        return GPT2Config(vocab_size=vocab, n_positions=CONTEXT, n_embd=32, n_layer=3, n_head=4, n_inner=72, **token_ids)
    if family == "llama":
        return LlamaConfig(hidden_size=32, num_hidden_layers=3, rms_norm_eps=1e-5, **grouped)
    if family == "qwen2":
        return Qwen2Config(hidden_size=32, num_hidden_layers=3, **grouped)
    # head_dim * heads differs from hidden_size in the next two, so that mixing the two up cannot go unnoticed.
    if family == "qwen3":
        return Qwen3Config(hidden_size=32, num_hidden_layers=3, head_dim=12, **grouped)
    if family == "gemma3":
        layer_types = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
        return Gemma3TextConfig(
            hidden_size=32,
            num_hidden_layers=4,
            head_dim=12,
            query_pre_attn_scalar=10,
            sliding_window=4,
            layer_types=layer_types,
            **grouped,
        )
    if family in ("neox", "neox_sequential"):
        rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
        return GPTNeoXConfig(
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=80,
            rope_parameters=rope,
            use_parallel_residual=family == "neox",
            **common,
        )
    raise ValueError(f"unknown family {family!r}")


def tiny_model(family: str, dtype: torch.dtype = torch.float32, seed: int = 0, vocab: int = VOCAB) -> PreTrainedModel:
    """A random model in eval mode, without gradients; the same weights (fp32 numbers) whatever the dtype."""
    model = AutoModelForCausalLM.from_config(tiny_config(family, vocab), attn_implementation="eager", dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            is_norm_weight = name.endswith("weight")
            starts_at_one = is_norm_weight and family != "gemma3"  # Gemma multiplies by 1 + weight
            parameter.data = 0.3 * noise + (1.0 if starts_at_one else 0.0)
        elif any(part in name for part in ("wte", "wpe", "embed_tokens", "embed_in")):
            parameter.data = 0.4 * noise
        else:
            fan_in = parameter.shape[0] if family == "gpt2" else parameter.shape[1]  # GPT-2 stores [in, out]
            parameter.data = noise / fan_in**0.5
        parameter.requires_grad_(False)
    return model.to(dtype).eval()


def prompts(seed: int = 0, count: int = 3, length: int = 10) -> Tensor:
    """Random token ids [prompt, position]."""
    generator = torch.Generator().manual_seed(1000 + seed)
    return torch.randint(0, VOCAB, (count, length), generator=generator)
