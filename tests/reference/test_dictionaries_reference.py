"""Features of sparse dictionaries against sae_lens itself, and where sae_lens has no such thing, against hooks by hand."""

import pytest
from dictionaries_bench import D_HEAD, ORGANISM, WIDTH, Pair, assert_close
from dictionaries_reference import SAE_CLASS_REGISTRY, Edit, make, scaling, setting, transcoder, unchanged

import circuitcheck as cc

TRANSCODERS = ["transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder"]
SAES = ["standard", "gated", "topk", "abstopk", "jumprelu", "matching_pursuit"]


@pytest.fixture(scope="module")
def pair():
    return Pair("organism", ORGANISM, cc.tasks.quoted_speech())


def at_site(architecture, kind="resid_post", seed=0, **config):
    return make(architecture, WIDTH, seed, metadata={"hook_name": f"blocks.1.hook_{kind}"}, **config)


def test_every_architecture_of_sae_lens_is_here():
    assert set(SAE_CLASS_REGISTRY) == {*SAES, *TRANSCODERS, "temporal"}


@pytest.mark.parametrize("architecture", SAES)
@pytest.mark.sampled(1)
def test_an_sae_on_the_residual_stream(pair, architecture, tmp_path):
    sae = at_site(architecture)
    sae.save_model(tmp_path)
    pair.check_edits(sae, cc.sae(str(tmp_path)), site="L1.resid_post")


@pytest.mark.parametrize("architecture", TRANSCODERS)
@pytest.mark.sampled(1)
def test_a_transcoder(pair, architecture, tmp_path):
    transcoder(architecture, 0, WIDTH).save_model(tmp_path)
    features = cc.transcoder(str(tmp_path), reads="L0.mlp_in", writes="L0.mlp_out")
    sae = transcoder(architecture, 0, WIDTH, reads="hook_resid_mid")  # in sae_lens's bridge hook_mlp_in sees nothing
    pair.check_edits(sae, features, site="L0.mlp_out", reads="L0.mlp_in")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", ["resid_pre", "mlp_out", "attn_out"])
def test_an_sae_object_on_another_site(pair, kind):
    sae, how = at_site("jumprelu", kind), {"site": f"L1.{kind}"}
    two = pair.firing(sae, f"L1.{kind}")
    for features in (cc.sae(sae), cc.sae(sae, at=f"L1.{kind}")):
        pair.check(pair.model.remove(features[two]), pair.expected(sae, how, setting(*two, to=0.0), "keep"))
    pair.check(pair.model.through(features), pair.expected(sae, how, unchanged, "drop"))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("reshape", ["none", "hook_z"])
def test_all_heads_z_side_by_side(pair, reshape):
    hook = {"hook_name": "blocks.1.attn.hook_z"}
    sae, plain = (make("standard", WIDTH, metadata=hook, reshape_activations=each) for each in (reshape, "none"))
    two = pair.firing(plain, "L1.z")
    for features in (cc.sae(sae), cc.sae(sae, at="L1.z")):
        for error in ("keep", "drop"):
            view = pair.model.clamp(features[two], 2.0, error=error)
            pair.check(view, pair.expected(plain, {"site": "L1.z"}, setting(*two, to=2.0), error))
    assert_close(pair.model.through(features, error="keep").logits(pair.prompts), pair.clean)


@pytest.mark.parametrize("architecture", ["standard", "topk", "matching_pursuit"])
@pytest.mark.parametrize("centred", [True, False], ids=["b_dec-off-input", "b_dec-only-out"])
@pytest.mark.parametrize("norm", ["none", "layer_norm", "constant_norm_rescale"])
@pytest.mark.sampled(2)
def test_norms_at_run_time(pair, architecture, centred, norm):
    config, how = {"normalize_activations": norm, "apply_b_dec_to_input": centred}, {"site": "L1.mlp_out"}
    sae = at_site(architecture, "mlp_out", **config)
    two = pair.firing(sae, "L1.mlp_out")
    pair.check(pair.model.clamp(cc.sae(sae)[two], 2.0), pair.expected(sae, how, setting(*two, to=2.0), "keep"))
    pair.check(pair.model.through(cc.sae(sae)), pair.expected(sae, how, unchanged, "drop"))
    pair.check_slice(make(architecture, D_HEAD, 1, **config), "L1H2.v", at=("SAYS", "END"))


@pytest.mark.parametrize("part", list("qkvz"))
@pytest.mark.sampled(1)
def test_one_heads_slice(pair, part):
    """Only that head's columns change, at the tokens asked for."""
    site, other = f"L1H2.{part}", f"L1H3.{part}"
    for architecture, at in [("standard", None), ("topk", ("END",)), ("gated", ("SAYS", "END"))]:
        pair.check_slice(make(architecture, D_HEAD, seed=ord(part)), site, at)
    sae = make("jumprelu", D_HEAD, seed=ord(part))
    (place,), first = pair.firing(sae, site, n=1), pair.prompts[0]
    view = pair.model.clamp(cc.sae(sae, at=site)[place], 4.0, at="END", error="drop")
    changed, untouched = view.cache(pair.prompts, [site, other]).values()
    edit = Edit(sae, setting(place, to=4.0), site, at=("END",), error="drop")
    assert_close(changed[0], pair.hand.value(first, site, [edit]))
    assert_close(untouched[0], pair.hand.value(first, other))


def test_places_in_the_metadata(pair):
    """hook_head_index says which head's slice it is, hook_name_out what a transcoder writes."""
    sae = make("standard", D_HEAD, metadata={"hook_name": "blocks.1.attn.hook_q", "hook_head_index": 2})
    two = pair.firing(sae, "L1H2.q")
    pair.check(pair.model.remove(cc.sae(sae)[two]), Edit(sae, setting(*two, to=0.0), "L1H2.q"))
    for reads in ("hook_mlp_in", "hook_resid_mid"):
        sae = transcoder("skip_transcoder", 0, WIDTH, reads=reads)
        pair.check(pair.model.through(cc.transcoder(sae)), Edit(sae, unchanged, "L0.mlp_out", "L0.mlp_in", error="drop"))


@pytest.mark.parametrize("architecture", TRANSCODERS)
@pytest.mark.sampled(1)
def test_a_transcoder_at_some_tokens(pair, architecture):
    sae = make(architecture, WIDTH, seed=3, apply_b_dec_to_input=False, d_out=WIDTH)  # it says no place
    two = pair.firing(sae, "L2.mlp_in")
    features = cc.transcoder(sae, reads="L2.mlp_in", writes="L2.mlp_out")
    for error in ("keep", "drop"):
        view = pair.model.scale(features[two], -1.0, at=["SAYS", "END"], error=error)
        edit = Edit(sae, scaling(*two, by=-1.0), "L2.mlp_out", "L2.mlp_in", ("SAYS", "END"), error)
        pair.check(view, edit)


@pytest.mark.parametrize("family, site", [("gpt2", "L1H2.q"), ("gpt2", "L1H2.k"), ("gpt2", "L1H3.z"), ("llama", "L0H1.k")])
@pytest.mark.sampled(1)
def test_slices_of_joint_and_of_grouped_heads(family, site, tiny_gpt2, tiny_llama):
    """GPT-2 projects all queries, keys and values at once; in this Llama two heads share a key."""
    folder = {"gpt2": tiny_gpt2, "llama": tiny_llama}[family]
    tiny = Pair(str(folder), folder, cc.tasks.ioi())
    tiny.check_slice(make("standard", 8, d_sae=32), site, ("S2", "END"))
    tiny.check_slice(make("jumprelu", 8, d_sae=32), site)
