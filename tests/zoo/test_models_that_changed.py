"""Weights that changed between loading and running, and what belongs to another model."""

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_tasks import names
from tiny import save_tiny_gpt2

import circuitcheck as cc
from circuitcheck.errors import (
    BadIntervention,
    BadTask,
    ModelChanged,
)
from circuitcheck.places import parse_at
from circuitcheck.plan import Plan, Steer
from circuitcheck.prompts import PromptStream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


# Weights that changed between loading and running


def in_place(bridge):
    with torch.no_grad():
        bridge.original_model.transformer.h[1].mlp.c_proj.weight[3, 5] += 1


def replaced(bridge):
    weight = bridge.original_model.transformer.h[1].mlp.c_proj.weight
    weight.data = weight.data * 2


def trained(bridge):
    bridge.requires_grad_(True)
    bridge(torch.tensor([[1, 2, 3]]), return_type="logits", prepend_bos=False).sum().backward()
    torch.optim.SGD(bridge.original_model.parameters(), lr=1.0).step()


def cast(bridge):
    bridge.to(torch.float64)


@pytest.mark.parametrize("edit", [in_place, replaced, trained, cast])
def test_weights_that_changed_after_loading(bridge, measure, edit):
    model = cc.load(bridge)
    edit(bridge)
    with pytest.raises(ModelChanged, match="weights .* changed after it was loaded"):
        measure(model)


def test_folding_a_model_after_loading(bridge, measure):
    model = cc.load(bridge)
    bridge.enable_compatibility_mode(disable_warnings=True)
    with pytest.raises(ModelChanged, match="changed"):
        measure(model)


def one_number(bridge):
    bridge.original_model.transformer.h[1].mlp.c_proj.weight.data[3, 5] += 1


def test_one_weight_that_changed_unseen(bridge):
    """Through .data, where no counter counts, at a place that is not sampled: `verify` reads everything."""
    model = cc.load(bridge)
    one_number(bridge)
    with pytest.raises(ModelChanged, match="weights"):
        cc.current_session().engine.verify(model.ref)


def rotary(bridge):
    return next(buffer for name, buffer in bridge.original_model.named_buffers() if name.endswith(".inv_freq"))


def test_a_buffer_that_changed_after_loading(llama_bridge, measure):
    """Other rotary frequencies are another model, and are no parameters."""
    model = cc.load(llama_bridge)
    rotary(llama_bridge).mul_(0.5)
    with pytest.raises(ModelChanged, match="buffer|rotary|inv_freq|weights"):
        measure(model)


def test_verifying_reads_buffers_too(llama_bridge):
    model = cc.load(llama_bridge)
    rotary(llama_bridge).mul_(0.5)
    with pytest.raises(ModelChanged, match="buffer|rotary|inv_freq|weights"):
        cc.current_session().engine.verify(model.ref)


def test_a_config_that_changed_after_loading(bridge, measure):
    model = cc.load(bridge)
    bridge.original_model.transformer.ln_f.eps = 10.0
    with pytest.raises(ModelChanged, match="eps|config|ln_f|Norm"):
        measure(model)


def test_a_checkpoint_that_changed_between_two_sessions(tmp_path, tiny_gpt2, measure):
    folder = shutil.copytree(tiny_gpt2, tmp_path / "model")
    view = cc.load(str(folder)).ablate("L1H2", **ZERO_AT_END)
    tensors = load_file(folder / "model.safetensors")
    tensors["transformer.wpe.weight"] *= 2
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with cc.use_session(cc.Session()), pytest.raises(ModelChanged, match=r"now has the fingerprint"):
        measure(view)


# What belongs to another model


@pytest.fixture(scope="session")
def folder_of_another(tmp_path_factory):
    return save_tiny_gpt2(tmp_path_factory.mktemp("another") / "other", seed=1)


@pytest.fixture
def other(model, folder_of_another):
    """Another model of the same shape, in the session of the first."""
    return cc.load(str(folder_of_another))


@pytest.mark.parametrize("how", ["add", "subtract", "project_out"])
def test_a_direction_of_another_model(direction, other, how):
    with pytest.raises(BadIntervention, match=r"was found in .*gpt2, and means nothing in .*other"):
        getattr(other, how)(direction, at="END")


def test_a_random_direction_like_another_model_s(direction, other):
    with pytest.raises(BadIntervention, match=r"was found in .*gpt2, and means nothing in .*other"):
        other.add(cc.random_direction(direction), at="END")


@pytest.mark.parametrize("draw", [lambda found: found, cc.random_direction])
def test_a_direction_of_another_model_in_a_plan_by_hand(direction, other, measure, then, draw):
    with pytest.raises(BadIntervention, match=r"was found in .*gpt2, and means nothing in .*other"):
        measure(then(other, Steer(draw(direction), "add", parse_at("END"), (1,))))


def test_a_direction_of_the_same_weights_in_another_dtype(direction, coarse):
    with pytest.raises(BadIntervention, match=r"was found in .*means nothing in"):
        coarse.add(direction, at="END")


def test_a_cell_of_another_model_in_a_plan(model, other, ioi):
    cells = ioi.logit_diff(other.ablate("L1H2", **ZERO_AT_END)).cells
    with pytest.raises(ValueError, match=r"belong to another model than .*gpt2: \['logit_diff of zero ablation of L1H2"):
        Plan(model.ref, PromptStream(ioi.definition, "test", 0), cells)


def test_a_mean_of_another_task(model, ioi, then):
    bound = ioi.logit_diff(model.ablate("L1H2", kind="mean", n=64)).cells[0].view
    task = names(abc={"A": "other"})
    cell = replace(task.logit_diff(model).cells[0], view=bound)
    with pytest.raises(BadTask, match=r"a mean over another task than 'names'"):
        cc.current_session().measure(PromptStream(task.definition, "test", 0), [cell], range(8))
