"""What features write to the logits themselves, from the weights alone.

How it could be fooled: a feature of z whose row has as many numbers as the stream is read as if it were of the stream; the
decoder's bias, which is there whatever fires; a norm that forgets its weights or its centring."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_dictionaries import random_dictionary, tiny_sae
from transformers import AutoModelForCausalLM

import circuitcheck as cc

ORGANISM = Path(cc.__file__).parent / "models/bundled/organism"


@pytest.fixture(scope="module")
def organism(shared_session):
    with cc.use_session(shared_session):
        return cc.load("organism")


@pytest.fixture(scope="module")
def weights():
    """{name: weights} of the checkpoint: [out, in]."""
    return {name: each.double() for name, each in AutoModelForCausalLM.from_pretrained(ORGANISM).state_dict().items()}


def effects(features, model):
    """[vocab], through the list of all tokens."""
    engine, found = cc.current_session().engine, features.plan
    return engine.direct_effect(model.ref, found.dictionary, dict.fromkeys(found.numbers, 1.0))


def logits_of(stream, weights):
    """[vocab]: of what is added to the stream, through an RMS norm's weights, less the mean."""
    found = weights["lm_head.weight"] @ (stream * weights["model.norm.weight"])
    return (found - found.mean()).numpy()


def row(q, number):
    return q.inner.W_dec[number].detach().double()


@pytest.mark.parametrize("site", ["L2.resid_post", "L1.mlp_out", "L3.attn_out"])
def test_a_feature_of_the_stream(organism, weights, site):
    q = random_dictionary(site, 128)
    np.testing.assert_allclose(effects(q[7], organism), logits_of(row(q, 7), weights), atol=1e-4)


def test_a_feature_of_one_heads_z_goes_through_its_part_of_w_o(organism, weights):
    q = random_dictionary("L1H2.z", 32)
    stream = weights["model.layers.1.self_attn.o_proj.weight"][:, 64:96] @ row(q, 7)
    np.testing.assert_allclose(effects(q[7], organism), logits_of(stream, weights), atol=1e-4)


def test_a_feature_of_all_heads_z_is_none_of_the_stream(organism, weights):
    """4 heads of 32 make 128 numbers, as many as the stream has: read as if it were of the stream, it names other tokens."""
    q = random_dictionary("L1.z", 128)
    found = effects(q[7], organism)
    np.testing.assert_allclose(
        found, logits_of(weights["model.layers.1.self_attn.o_proj.weight"] @ row(q, 7), weights), atol=1e-4
    )
    forgotten = logits_of(row(q, 7), weights)
    assert abs(np.corrcoef(found, forgotten)[0, 1]) < 0.5
    assert not set(np.argsort(-found)[:5]) & set(np.argsort(-forgotten)[:5])


def test_the_decoders_bias_stays_out(organism):
    made = tiny_sae(128)
    biased = tiny_sae(128)
    biased.b_dec.data += 5.0 * torch.randn(128, generator=torch.Generator().manual_seed(3))
    plain, other = (effects(cc.sae(each, at="L1.mlp_out")[3, 4], organism) for each in (made, biased))
    np.testing.assert_array_equal(plain, other)


def test_sums_take_each_feature_with_its_strength(organism, weights):
    q, mlp = random_dictionary("L1H2.z", 32), random_dictionary("L2.mlp_out", 128, seed=1)
    expected = 2.0 * effects(q[7], organism) - 0.5 * (effects(mlp[3], organism) + effects(mlp[4], organism))
    found = cc.promotes({q[7]: 2.0, mlp[3, 4]: -0.5}, organism, k=6)
    order = np.argsort(-expected)
    np.testing.assert_allclose([value for _, value in found.up], expected[order[:6]], atol=1e-4)
    np.testing.assert_allclose([value for _, value in found.down], expected[order[::-1][:6]], atol=1e-4)
    assert [word for word, _ in found.up] == [organism.tokenizer.decode((int(each),)) for each in order[:6]]
    assert found.up[0][0] in found
    assert found.down[0][0] not in found
    assert "2 * " in repr(found)


def test_a_transcoders_features_write_where_it_writes(organism, weights):
    made = tiny_sae(128, hook="blocks.1.hook_resid_mid", out="blocks.1.hook_mlp_out")
    q = cc.transcoder(made)
    np.testing.assert_allclose(effects(q[7], organism), logits_of(row(q, 7), weights), atol=1e-4)


def test_a_layer_norm_centres_what_is_written(tiny_gpt2, model):
    """GPT-2: the same for a row and for the row with a constant added."""
    tensors = AutoModelForCausalLM.from_pretrained(tiny_gpt2).state_dict()
    scale, unembed = tensors["transformer.ln_f.weight"].double(), tensors["lm_head.weight"].double()
    made, moved = tiny_sae(32), tiny_sae(32)
    moved.W_dec.data += 3.0
    for each in (made, moved):
        q = cc.sae(each, at="L2.mlp_out")
        stream = row(q, 7) - row(q, 7).mean()
        expected = unembed @ (stream * scale)
        np.testing.assert_allclose(effects(q[7], model), (expected - expected.mean()).numpy(), atol=1e-4)


@pytest.mark.parametrize("site, width", [("L1H2.q", 32), ("L1H2.k", 32), ("L1H2.v", 32), ("L0.neurons", 384)])
def test_features_without_a_direct_path_are_refused(organism, site, width):
    q = random_dictionary(site, width)
    if site.endswith("neurons"):
        assert len(cc.promotes(q[7], organism, k=3).up) == 3
        return
    with pytest.raises(cc.BadIntervention, match="no direct path to the logits"):
        cc.promotes(q[7], organism)


def test_what_is_no_feature_is_refused(organism):
    q = random_dictionary("L1.mlp_out", 128)
    for given in (q, 7, {}, {7: 1.0}):
        with pytest.raises(cc.BadIntervention, match="promotes"):
            cc.promotes(given, organism)
    with pytest.raises(cc.BadIntervention, match="strength"):
        cc.promotes({q[7]: "two"}, organism)
