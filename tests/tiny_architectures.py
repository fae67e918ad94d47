"""Small random models of architectures beyond the six families, saved as checkpoint folders."""

import shutil
from pathlib import Path

import torch

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
USUAL = {**SMALL, "intermediate_size": 64, "max_position_embeddings": 64}
GROUPED = {**USUAL, "num_key_value_heads": 2}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16}
LATENT = {**USUAL, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8, **EXPERTS}

# by the name of the config: its words
SETTINGS = {
    "DeepseekV2": {**LATENT, "num_key_value_heads": 4, "q_lora_rank": None},
    "DeepseekV3": {**LATENT, "num_key_value_heads": 4, "q_lora_rank": 16},
    "Falcon": {**SMALL, "multi_query": True, "parallel_attn": True},
    "GPTJ": {**GPT, "rotary_dim": 4},
    "OPT": {**SMALL, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    "Bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "Olmo2": GROUPED,
    "Granite": {**GROUPED, "embedding_multiplier": 3.0, "residual_multiplier": 0.5},
    "Phi": {**USUAL, "partial_rotary_factor": 0.5},
    "Mixtral": {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2},
    "Gemma2": {**GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8},
    "GPTBigCode": GPT,
    "Mistral": {**GROUPED, "sliding_window": 4},
    "GptOss": {**GROUPED, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 4},
}


def save_architecture(name: str, settings: dict[str, object], words: Path, folder: Path) -> str:
    """A random model of `name`Config with the tokenizer of the folder `words`."""
    import transformers

    shutil.copytree(words, folder)
    vocabulary = len(transformers.AutoTokenizer.from_pretrained(folder))
    return save_random_model(name, {"pad_token_id": 0, **settings}, vocabulary, folder)


def save_random_model(name: str, settings: dict[str, object], vocabulary: int, folder: Path) -> str:
    """Its heads have effects far above rounding."""
    import transformers

    config = getattr(transformers, f"{name}Config")(vocab_size=vocabulary, bos_token_id=0, eos_token_id=0, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.data = torch.randn_like(parameter) * 1.3 / parameter.shape[-1] ** 0.5
    model.save_pretrained(folder)
    return str(folder)
