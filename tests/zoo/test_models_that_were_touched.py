"""A model that somebody else has touched."""

import pytest
import torch
from torch import nn

import circuitcheck as cc
from circuitcheck.errors import (
    ModelChanged,
    UnsoundModel,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# A model that somebody else has touched


def zeroing(*arguments, **_):
    return arguments[-1] * 0


def test_a_hook_of_the_user_s_on_a_hook_point(bridge, measure):
    model = cc.load(bridge)
    bridge.hook_dict["blocks.1.attn.hook_z"].add_hook(lambda value, hook: value * 0)
    with pytest.raises(ModelChanged, match=r"hooks on blocks\.1\.attn.*remove"):
        measure(model)


@pytest.mark.parametrize("permanent", [False, True])
def test_a_hook_of_the_user_s_that_was_there_before_loading(bridge, measure, permanent):
    bridge.hook_dict["blocks.1.hook_mlp_out"].add_hook(lambda value, hook: value * 0, is_permanent=permanent)
    with pytest.raises(ModelChanged, match=r"hooks on blocks\.1.*remove"):
        measure(cc.load(bridge))


def test_hooks_of_a_context_that_is_still_open(bridge, measure):
    model = cc.load(bridge)
    with (
        bridge.hooks(fwd_hooks=[("blocks.1.hook_mlp_out", lambda value, hook: value * 0)]),
        pytest.raises(ModelChanged, match=r"hooks on blocks\.1"),
    ):
        measure(model)


def test_a_torch_hook_on_a_module(bridge, measure):
    model = cc.load(bridge)
    bridge.original_model.transformer.ln_f.register_forward_hook(zeroing)
    with pytest.raises(ModelChanged, match=r"torch hooks? .*(ln_f|Norm)"):
        measure(model)


def test_a_torch_hook_on_a_module_that_was_there_before_loading(bridge, measure):
    bridge.original_model.transformer.ln_f.register_forward_hook(zeroing)
    with pytest.raises(ModelChanged, match=r"torch hooks? .*(ln_f|Norm)"):
        measure(cc.load(bridge))


def test_a_torch_hook_that_was_there_before_the_bridge(tiny_gpt2, measure):
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM, AutoTokenizer

    inner = AutoModelForCausalLM.from_pretrained(tiny_gpt2, attn_implementation="eager", dtype=torch.float32)
    inner.transformer.h[1].mlp.c_proj.register_forward_hook(zeroing)
    made = TransformerBridge.boot_transformers(
        str(tiny_gpt2), hf_model=inner, tokenizer=AutoTokenizer.from_pretrained(tiny_gpt2), device="cpu"
    )
    with pytest.raises(ModelChanged, match=r"torch hooks? .*(c_proj|Conv1D)"):
        measure(cc.load(made))


@pytest.mark.parametrize("loaded_first", [True, False])
def test_a_torch_hook_on_a_hook_point(bridge, measure, loaded_first):
    """Registered with torch's own method, so that the library does not know of it."""
    point = bridge.hook_dict["blocks.1.attn.hook_z"]
    if loaded_first:
        model = cc.load(bridge)
        point.register_forward_hook(zeroing)
    else:
        point.register_forward_hook(zeroing)
        model = cc.load(bridge)
    with pytest.raises(ModelChanged, match=r"hooks.*blocks\.1"):
        measure(model)


def test_a_torch_hook_on_every_module(bridge, measure):
    model = cc.load(bridge)
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: output * 0 if isinstance(module, nn.LayerNorm) else None
    )
    try:
        with pytest.raises(ModelChanged, match="hooks"):
            measure(model)
    finally:
        handle.remove()


def test_a_forward_that_was_replaced(bridge, measure):
    """An ablation of the user's own, by hand, that was left in place."""
    model = cc.load(bridge)
    bridge.original_model.transformer.h[1].mlp.forward = lambda value, *_, **__: value * 0
    with pytest.raises(ModelChanged, match=r"forward|MLP|mlp"):
        measure(model)


def test_a_model_with_another_forward_is_not_taken_for_the_one_it_was_made_of(tiny_gpt2, bridge, measure):
    """Equal weights, so an equal fingerprint, under which numbers are kept."""
    cc.load(str(tiny_gpt2))
    clean = measure(cc.load(bridge))
    bridge.original_model.transformer.h[1].mlp.forward = lambda value, *_, **__: value * 0
    try:
        assert (measure(cc.load(bridge)) != clean).any()
    except ModelChanged as error:
        assert "forward" in str(error)  # noqa: PT017 - either will do


def test_a_hook_that_a_metric_leaves_behind(bridge, ioi):
    model = cc.load(bridge)

    def leaves_a_hook(logits, prompts):
        bridge.hook_dict["blocks.0.hook_mlp_out"].add_hook(lambda value, hook: value * 0)
        return logits[:, 0]

    with pytest.raises(ModelChanged, match=r"hooks on blocks\.0"):
        ioi.metric(leaves_a_hook, model).values(8)


def test_train_mode(bridge, measure):
    model = cc.load(bridge)
    bridge.train()
    with pytest.raises(ModelChanged, match=r"train mode.*eval"):
        measure(model)


def test_one_dropout_in_train_mode(bridge, measure):
    model = cc.load(bridge)
    bridge.original_model.transformer.drop.train()
    with pytest.raises(ModelChanged, match=r"train mode \(Dropout\).*eval"):
        measure(model)


def test_train_mode_of_a_hooked_transformer(hooked_transformer, measure):
    model = cc.load(hooked_transformer)
    hooked_transformer.train()
    with pytest.raises(ModelChanged, match=r"train mode.*eval"):
        measure(model)


class AlwaysOn(nn.Dropout):
    def forward(self, value):
        return nn.functional.dropout(value, 0.5, training=True)


def test_dropout_that_acts_in_eval_mode(with_doctor, bridge, measure):
    """Monte Carlo dropout: no flag says so, and no run can be repeated."""
    bridge.original_model.transformer.drop = AlwaysOn()
    with pytest.raises(UnsoundModel, match="the same run twice gives the same logits"):
        measure(cc.load(bridge))
