"""Tiny random models, saved as checkpoint folders like any other."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from circuitcheck.places import SITE_KINDS
from circuitcheck.prompts.builtin.ioi import ioi


def save_tiny_gpt2(folder: Path, seed: int = 0) -> Path:
    """Weights are scaled up, so that heads have effects far above rounding."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = save_tokenizer(folder)
    config = GPT2Config(
        n_layer=3, n_head=4, n_embd=32, n_positions=64, vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0
    )
    _save(GPT2LMHeadModel, config, folder, seed)
    return folder


def save_tiny_llama(folder: Path, seed: int = 0) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = save_tokenizer(folder)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        vocab_size=len(tokenizer),
        bos_token_id=0,
        eos_token_id=0,
    )
    _save(LlamaForCausalLM, config, folder, seed)
    return folder


def tiny_hooked_transformer(folder: Path, **config):
    """A random HookedTransformer (2 layers of 4 heads) with the tokenizer of a folder; `config` may say otherwise."""
    from transformers import AutoTokenizer

    try:
        from transformer_lens import HookedTransformer, HookedTransformerConfig
    except ImportError as error:
        pytest.skip(f"TransformerLens 4 has none: {error}")

    tokenizer = AutoTokenizer.from_pretrained(folder)
    usual = {"n_layers": 2, "d_model": 32, "n_ctx": 64, "d_head": 8, "n_heads": 4, "d_mlp": 64, "act_fn": "gelu"}
    made = HookedTransformerConfig(d_vocab=len(tokenizer), device="cpu", seed=0, **{**usual, **config})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return HookedTransformer(made, tokenizer=tokenizer)


def processed_hooked_transformers(folder: Path):
    """(as it is, folded with its value biases, folded without): HookedTransformers with the same weights."""
    import torch

    def new():
        return tiny_hooked_transformer(folder, normalization_type="LN")

    plain, generator = new(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if not name.endswith(("W_E", "W_pos")):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    weights = {name: value.clone() for name, value in plain.state_dict().items()}
    folded, kept = new(), new()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folded.load_and_process_state_dict(dict(weights))
        kept.load_and_process_state_dict(dict(weights), fold_value_biases=False)
    assert not folded.blocks[1].attn.b_V.any()
    assert kept.blocks[1].attn.b_V.any()
    return plain, folded, kept


def save_tokenizer(folder: Path, words: tuple[str, ...] | None = None):
    """A byte-level BPE tokenizer, as GPT-2's, trained until each of `words` (default: all of IOI's) is one token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=5000, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([" " + word for word in words or ioi_words()] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    fast.save_pretrained(folder)
    return fast


def ioi_words() -> tuple[str, ...]:
    task = ioi()
    return tuple(word for pool in task.pools for word in pool.items)


def _save(kind: type, config: object, folder: Path, seed: int) -> None:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(config)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and "wpe" not in name:
            parameter.data *= 4
    model.save_pretrained(folder)


def lies_at(monkeypatch, kind, point):
    """The table of kinds says that this one is at another hook point."""
    monkeypatch.setitem(SITE_KINDS, kind, replace(SITE_KINDS[kind], points=(point,)))
