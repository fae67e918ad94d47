"""Composition scores, from whole matrices of the checkpoint's own weights.

How it could be fooled: OV and QK exchanged, K-composition not transposed, key/value heads taken for heads, a norm's weights
or its centring forgotten, pairs in the wrong order."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import save_tiny_gpt2, save_tiny_llama
from transformers import AutoModelForCausalLM

import circuitcheck as cc

SAVE = {"gpt2": save_tiny_gpt2, "llama": save_tiny_llama}  # a LayerNorm that centres; an RMS norm, and grouped heads


@pytest.fixture(scope="module", params=SAVE)
def checkpoint(request, tmp_path_factory) -> Path:
    """With norms whose weights differ."""
    folder = SAVE[request.param](tmp_path_factory.mktemp(request.param), seed=3)
    model = AutoModelForCausalLM.from_pretrained(folder)
    torch.manual_seed(0)
    for name, weights in model.named_parameters():
        if weights.dim() == 1 and name.endswith("weight"):
            weights.data.uniform_(0.2, 2)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def heads(checkpoint):
    """[layer][head]: W_Q, W_K, W_V [d_model, d_head] as they read the stream, and W_O [d_head, d_model]."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint).double()
    return [
        [[each.detach().numpy() for each in of_head] for of_head in layer]
        for layer in (gpt2_heads(model) if model.config.model_type == "gpt2" else llama_heads(model))
    ]


def gpt2_heads(model):
    n = model.config.n_head
    for block in model.transformer.h:
        q, k, v = (block.ln_1.weight[:, None] * block.attn.c_attn.weight).chunk(3, dim=1)
        parts = [(each - each.mean(dim=0)).chunk(n, dim=1) for each in (q, k, v)]
        yield list(zip(*parts, block.attn.c_proj.weight.chunk(n, dim=0), strict=True))


def llama_heads(model):
    n, shared = model.config.num_attention_heads, model.config.num_attention_heads // model.config.num_key_value_heads
    for block in model.model.layers:
        attn, norm = block.self_attn, block.input_layernorm.weight[:, None]
        q, k, v = (
            (norm * each.weight.T).split(model.config.head_dim, dim=1) for each in (attn.q_proj, attn.k_proj, attn.v_proj)
        )
        keys, values = ([each for each in part for _ in range(shared)] for part in (k, v))
        yield list(zip(q, keys, values, attn.o_proj.weight.T.chunk(n, dim=0), strict=True))


def by_hand(one, other, kind):
    left = one[2] @ one[3]
    right = {"Q": other[0] @ other[1].T, "K": other[1] @ other[0].T, "V": other[2] @ other[3]}[kind]
    return np.linalg.norm(left @ right) / (np.linalg.norm(left) * np.linalg.norm(right))


@pytest.mark.parametrize("kind", ["Q", "K", "V"])
def test_scores_are_those_of_whole_matrices(checkpoint, heads, kind):
    found = cc.composition(cc.load(checkpoint), kind)
    numbers = range(len(heads[0]))
    for first, second in product(range(len(heads)), repeat=2):
        for one, other in product(numbers, numbers):
            score = found.scores[first, one, second, other]
            if second <= first:
                assert np.isnan(score)
            else:
                assert score == pytest.approx(by_hand(heads[first][one], heads[second][other], kind), abs=1e-5)


def test_a_pair_is_held_against_all_others(checkpoint):
    found = cc.composition(cc.load(checkpoint))
    best, *others = found.top(found.pairs)
    assert (found.rank(best[0], best[1]), found.above(best[0], best[1])) == (1, 1.0)
    assert found.above(others[-1][0], others[-1][1]) == 0
    assert found.of(str(best[0]), str(best[1])) == best[2]
    assert [score for *_, score in (best, *others)] == sorted((score for *_, score in (best, *others)), reverse=True)


def test_what_means_nothing_is_refused(checkpoint):
    found = cc.composition(cc.load(checkpoint))
    for given, error, words in (
        (("L1H0", "L0H0"), cc.BadMetric, "in a later layer"),
        (("L0H0", "L1.attn"), cc.UnknownUnit, "not one head"),
        (("L0H0, L0H1", "L1H0"), cc.UnknownUnit, "not one head"),
    ):
        with pytest.raises(error, match=words):
            found.of(*given)
    with pytest.raises(cc.BadMetric, match="'Q', 'K' or 'V'"):
        cc.composition(cc.load(checkpoint), "O")
