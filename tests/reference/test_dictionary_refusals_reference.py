"""What a dictionary is refused for: where it is made, where a view takes it, or where it is measured."""

import pytest
import torch
from dictionaries_bench import D_HEAD, WIDTH, assert_close
from dictionaries_reference import make, transcoder

import circuitcheck as cc

RESIDUAL = "blocks.1.hook_resid_post"
QUERY = "blocks.1.attn.hook_q"
FOLDED = {"fold_ln": True, "center_writing_weights": True, "center_unembed": True}
UNFOLDED = {"fold_ln": False, "center_writing_weights": False}


@pytest.fixture(scope="module")
def model():
    return cc.load("organism")


def prompts_of(model):
    return cc.tasks.quoted_speech().prompts(2, model=model)


def plain(width=WIDTH, **config):
    return make("standard", width, **config)


def told(width=WIDTH, **metadata):
    return make("standard", width, metadata={"hook_name": RESIDUAL, **metadata})


def moving(d_out=WIDTH):
    return make("transcoder", WIDTH, apply_b_dec_to_input=False, d_out=d_out)


def placed(reads, writes):
    """A transcoder of layer 1's MLP, somewhere."""
    return cc.transcoder(transcoder("transcoder", 1, WIDTH), reads=reads, writes=writes)


REFUSED = {
    "narrow-slice": lambda: cc.sae(plain(16), at="L1H2.q"),
    "wide-slice": lambda: cc.sae(plain(WIDTH), at="L1H2.q"),
    "one-heads-width-in-the-stream": lambda: cc.sae(plain(D_HEAD), at="L1.resid_post"),
    "one-heads-width-for-all-z": lambda: cc.sae(plain(D_HEAD), at="L1.z"),
    "transcoder-of-another-output": lambda: cc.transcoder(moving(64), reads="L1.mlp_in", writes="L1.mlp_out"),
    "transcoder-of-another-input": lambda: cc.transcoder(moving(), reads="L1H2.q", writes="L1.mlp_out"),
    "another-hook": lambda: cc.sae(told(), at="L1.resid_pre"),
    "another-layer": lambda: cc.sae(told(), at="L2.resid_post"),
    "another-head": lambda: cc.sae(told(D_HEAD, hook_name=QUERY, hook_head_index=1), at="L1H2.q"),
    "another-output-layer": lambda: placed("L1.mlp_in", "L2.mlp_out"),
    "another-input-layer": lambda: placed("L0.mlp_in", "L1.mlp_out"),
    "no-place": lambda: cc.sae(plain()),
    "another-model": lambda: cc.sae(told(model_name="gpt2")),
    "no-bos": lambda: cc.sae(told(prepend_bos=False)),
    "folded-weights": lambda: cc.sae(told(model_from_pretrained_kwargs=FOLDED)),
    "folded-weights-by-word": lambda: cc.sae(told(), processing="folded"),
    "temporal": lambda: cc.sae(make("temporal", WIDTH, n_heads=4, kval_topk=4, bottleneck_factor=4), at="L1.resid_post"),
    "average-norm": lambda: cc.sae(plain(normalize_activations="expected_average_only_in"), at="L1.resid_post"),
    "whitening": lambda: cc.sae(plain(normalize_activations="covariance_whitening"), at="L1.resid_post"),
    "sae-for-a-transcoder": lambda: cc.transcoder(plain(), reads="L1.mlp_in", writes="L1.mlp_out"),
    "transcoder-for-an-sae": lambda: cc.sae(moving(), at="L1.mlp_out"),
    "no-folder": lambda: cc.sae("no/such/folder", at="L1.resid_post"),
}
ADMITTED = {
    "its-model": lambda: cc.sae(told(model_name="organism")),
    "its-bos": lambda: cc.sae(told(prepend_bos=True)),
    "its-weights": lambda: cc.sae(told(model_from_pretrained_kwargs=UNFOLDED)),
    "nothing-said": lambda: cc.sae(told()),
    "wrong-config": lambda: cc.sae(told(model_name="gpt2", prepend_bos=False), model="organism", prepend_bos=True),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.sampled(11)
def test_bad_dictionaries(model, case):
    """The same from an intervention and from a metric."""
    with pytest.raises(cc.BadDictionary):
        model.remove(REFUSED[case]()[:]).logits(prompts_of(model))
    with pytest.raises(cc.BadDictionary):
        cc.tasks.quoted_speech().metric(cc.l0(REFUSED[case]()), model).values(2)


@pytest.mark.parametrize("case", ADMITTED)
@pytest.mark.sampled(2)
def test_good_dictionaries(model, case):
    assert torch.isfinite(model.remove(ADMITTED[case]()[:]).logits(prompts_of(model))).all()


@pytest.mark.parametrize("hook", ["blocks.9.hook_resid_post", "blocks.1.hook_nowhere"])
def test_places_that_are_not_there(model, hook):
    with pytest.raises(cc.CircuitCheckError):
        model.remove(cc.sae(told(hook_name=hook))[0]).logits(prompts_of(model))


def test_features_that_are_not_there():
    with pytest.raises(cc.CircuitCheckError):
        cc.sae(plain(), at="L1.resid_post")[64]


def with_a_dead_feature():
    sae = plain(D_HEAD)
    sae.b_enc.data[3] = -1e4
    return cc.sae(sae, at="L1H2.q")


CHANGES_NOTHING = {
    "remove": lambda model, f, **how: model.remove(f, **how),
    "scale": lambda model, f, **how: model.scale(f, 0.5, **how),
    "clamp-to-0": lambda model, f, **how: model.clamp(f, 0.0, **how),
    "patch": lambda model, f, **how: model.patch(f, **how),
    "zero": lambda model, f, **how: model.ablate(f, kind="zero", **how),
}


@pytest.mark.parametrize("name", CHANGES_NOTHING)
@pytest.mark.sampled(1)
def test_features_that_never_fire(model, name):
    dead, prompts = with_a_dead_feature()[3], prompts_of(model)
    with pytest.raises(cc.VacuousIntervention):
        CHANGES_NOTHING[name](model, dead).logits(prompts)
    with pytest.raises(cc.VacuousIntervention):
        cc.tasks.quoted_speech().metric(cc.kl_from_clean(), CHANGES_NOTHING[name](model, dead)).values(2)
    allowed = CHANGES_NOTHING[name](model, dead, allow_vacuous=True)
    assert_close(allowed.logits(prompts), model.logits(prompts))


def test_a_feature_that_never_fires_can_be_raised(model):
    dead, prompts = with_a_dead_feature()[3], prompts_of(model)
    clean = model.logits(prompts)
    for view in (model.clamp(dead, 2.0), model.add(dead, scale=1.5)):
        assert (view.logits(prompts) - clean).abs().max() > 1e-3
    assert not cc.tasks.quoted_speech().metric(cc.fires(dead), model).values(2).any()
