"""Hooks exist, fire, and are gone; a model that somebody else touched is refused."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import circuitcheck as cc
from circuitcheck.engine.torch.proof import watch
from circuitcheck.engine.torch.sites.hooks import hooked
from circuitcheck.errors import ModelChanged, SiteNotReached

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TOKENS = torch.tensor([[1, 2, 3]])


def hooks_on(bridge):
    points = sum(len(point.fwd_hooks) + len(point.bwd_hooks) for point in bridge.hook_dict.values())
    modules = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in bridge.original_model.modules())
    return points, modules


@pytest.fixture
def bridge(tiny_gpt2):
    from transformer_lens.model_bridge import TransformerBridge

    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2)
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2, attn_implementation="eager", dtype=torch.float32)
    return TransformerBridge.boot_transformers(str(tiny_gpt2), hf_model=model, tokenizer=tokenizer, device="cpu")


def test_no_hook_remains_after_a_run(inside, model, ioi):
    ioi.logit_diff(model).values(1)  # the library sets up hooks of its own at the first run
    before = hooks_on(inside)
    ioi.recovered(model.ablate("L0H1, L1.mlp, L2.attn", kind="mean", n=64)).values(32)
    assert hooks_on(inside) == before
    assert before[0] == 0


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_no_hook_remains_after_an_error_inside_a_run(inside, engine, plan_of, model, ioi, monkeypatch, error):
    def boom(*_):
        raise error

    clean = ioi.logit_diff(model).values(32)
    before = hooks_on(inside)
    ablated = ioi.logit_diff(model.ablate("L0H1, L2H0", kind="zero"))
    with monkeypatch.context() as patch:
        patch.setattr(watch.Change, "record", boom)
        with pytest.raises(type(error)):
            ablated.values(32)
    assert hooks_on(inside) == before
    np.testing.assert_array_equal(engine.run(plan_of(model), range(32)).values[0], clean)


def test_a_pass_that_broke_off_within_an_mlp_changed_nothing(inside, model, ioi):
    """The library marks there which of its hook points have fired."""

    def boom(*_given, **_how):
        raise KeyboardInterrupt

    ioi.logit_diff(model).values(4)
    with pytest.raises(KeyboardInterrupt):
        inside.run_with_hooks(TOKENS, fwd_hooks=[("blocks.0.mlp.out.hook_in", boom)])
    assert ioi.logit_diff(model.ablate("L0H1", kind="zero")).values(4).any()


@pytest.mark.parametrize("name", ["blocks.99.attn.hook_z", "hook_nope", "blocks.0.attn.hook_zz", ""])
def test_a_hook_point_that_does_not_exist_is_an_error(inside, name):
    with pytest.raises(SiteNotReached, match=f"no hook point {name!r}"), hooked(inside, [(name, lambda _: None)]):
        inside(TOKENS)


def test_a_hook_that_did_not_fire_is_an_error(inside):
    with (
        pytest.raises(SiteNotReached, match=r"blocks\.0\.attn\.hook_z"),
        hooked(inside, [("blocks.0.attn.hook_z", lambda _: None)]),
    ):
        pass


def test_no_hook_remains_where_one_of_several_does_not_exist(inside):
    names = ["blocks.0.attn.hook_z", "hook_nope"]
    with pytest.raises(SiteNotReached), hooked(inside, [(name, lambda _: None) for name in names]):
        pass
    assert hooks_on(inside)[0] == 0


def test_hooks_on_one_point_act_in_the_order_given(inside):
    def run(*functions):
        with torch.no_grad(), hooked(inside, [("blocks.1.hook_mlp_out", function) for function in functions]):
            return inside(TOKENS, prepend_bos=False)

    zero, one = torch.zeros_like, torch.ones_like
    torch.testing.assert_close(run(zero, one), run(one), rtol=0, atol=0)
    assert not torch.equal(run(zero, one), run(one, zero))


def test_a_hook_that_the_user_left_on_the_model_is_an_error(bridge, ioi):
    model = cc.load(bridge)
    bridge.hook_dict["blocks.1.attn.hook_z"].add_hook(lambda value, hook: value * 0)
    with pytest.raises(ModelChanged, match=r"blocks\.1\.attn.*remove"):
        ioi.logit_diff(model).values(8)
    bridge.reset_hooks()
    ioi.logit_diff(model).values(8)


def test_a_torch_hook_that_the_user_left_on_a_module_is_an_error(bridge, ioi):
    model = cc.load(bridge)
    handle = bridge.original_model.transformer.ln_f.register_forward_hook(lambda *arguments: arguments[-1] * 0)
    with pytest.raises(ModelChanged):
        ioi.logit_diff(model).values(8)
    handle.remove()


def test_the_users_model_object_keeps_its_own_answers(bridge, ioi):
    with torch.no_grad():
        before = bridge(TOKENS, prepend_bos=False)
        ioi.logit_diff(cc.load(bridge).ablate("L0-2.mlp", kind="zero")).values(32)
        torch.testing.assert_close(bridge(TOKENS, prepend_bos=False), before, rtol=0, atol=0)


def edit_in_place(bridge):
    with torch.no_grad():
        next(bridge.original_model.parameters()).mul_(2)


def edit_data(bridge):
    next(bridge.original_model.parameters()).data.mul_(2)


def edit_by_replacing(bridge):
    parameter = next(bridge.original_model.parameters())
    parameter.data = parameter.data * 2


@pytest.mark.sampled(1)
@pytest.mark.parametrize("edit", [edit_in_place, edit_by_replacing, edit_data])
def test_weights_that_changed_are_noticed_before_anything_is_measured(bridge, ioi, edit):
    model = cc.load(bridge)
    ioi.logit_diff(model).values(8)
    edit(bridge)
    with pytest.raises(ModelChanged, match="weights"):
        ioi.logit_diff(model).values(64)


@pytest.mark.parametrize("edit", [edit_in_place, edit_by_replacing, edit_data])
def test_verifying_reads_every_weight(bridge, edit):
    model = cc.load(bridge)
    edit(bridge)
    with pytest.raises(ModelChanged, match="weights"):
        cc.current_session().engine.verify(model.ref)


def test_train_mode_is_refused(bridge, ioi):
    model = cc.load(bridge)
    bridge.train()
    with pytest.raises(ModelChanged, match=r"train mode.*eval"):
        ioi.logit_diff(model).values(8)


def test_a_part_in_train_mode_is_refused(bridge, ioi):
    """Dropout acts wherever it is in train mode, whatever the flag at the top says."""
    model = cc.load(bridge)
    bridge.original_model.transformer.drop.train()
    with pytest.raises(ModelChanged, match="train mode"):
        ioi.logit_diff(model).values(8)
