"""Receipts: which sites were reached, how many prompts changed, by how much."""

import shutil
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

import circuitcheck as cc
from circuitcheck.errors import VacuousIntervention


def receipts(engine, plan, rows=range(32)):
    (found,) = engine.run(plan, rows).receipts
    return found


def test_a_receipt_says_sites_prompts_changes_and_size(engine, plan_of, model):
    (receipt,) = receipts(engine, plan_of(model.ablate("L0H1, L2.mlp", kind="zero", at="END")))
    assert receipt.sites == ("L0H1.z", "L2.mlp_out")
    assert (receipt.prompts, receipt.changed) == (32, 32)
    assert receipt.mean_relative_change == pytest.approx(1.0)  # zero in place of something
    assert "zero ablation of L0H1, L2.mlp at END" in receipt.intervention


def test_a_clean_view_has_nothing_to_prove(engine, plan_of, model):
    assert receipts(engine, plan_of(model)) == ()


def test_each_intervention_has_its_own_receipt_in_order(engine, plan_of, model):
    view = model.ablate("L0H1", kind="zero").ablate("L1H1", kind="mean", n=64)
    first, second = receipts(engine, plan_of(view))
    assert (first.sites, second.sites) == (("L0H1.z",), ("L1H1.z",))
    assert 0 < second.mean_relative_change < 1.5


@pytest.mark.parametrize("rows, count", [(range(1), 1), (range(10, 50), 40), (range(32, 33), 1)])
def test_a_receipt_counts_the_rows_asked_for(engine, plan_of, model, rows, count):
    (receipt,) = receipts(engine, plan_of(model.ablate("L0H1", kind="zero")), rows)
    assert (receipt.prompts, receipt.changed) == (count, count)


def test_a_result_carries_receipts_for_the_prompts_it_says_it_took(model, ioi):
    with cc.use_session(cc.Session(cc.Settings(samples=40))):
        result = (ioi.logit_diff(model.ablate("L0H1", kind="zero")) > 100).decide()
        whole = (ioi.logit_diff(model.ablate("L0H1", kind="zero")) > 0).decide()
    for each in (result, whole):
        assert [receipt.prompts for receipt in each.receipts] == [each.decision.n]


def test_ablating_twice_is_vacuous(model, ioi):
    view = model.ablate("L0H1", kind="zero", at="END")
    with pytest.raises(VacuousIntervention, match=r"changed none of 32 prompts at L0H1\.z.*allow_vacuous"):
        ioi.logit_diff(view.ablate("L0H1", kind="zero", at="END")).values(32)


def test_ablating_twice_is_allowed_when_said(model, ioi):
    view = model.ablate("L0H1", kind="zero", at="END")
    twice = view.ablate("L0H1", kind="zero", at="END", allow_vacuous=True)
    assert (ioi.logit_diff(twice).values(32) == ioi.logit_diff(view).values(32)).all()


def test_ablating_the_head_inside_an_ablated_layer_does_not_hide_behind_it(model, ioi):
    """The layer's output is replaced afterwards, but the head's own value did change: both are proved."""
    view = model.ablate("L0.attn", kind="zero").ablate("L0H1", kind="zero")
    ioi.logit_diff(view).values(32)


@pytest.mark.parametrize("at", [None, "END", "IO, S1, S2"])
def test_the_counterfactuals_own_value_on_the_counterfactual_is_vacuous(model, ioi, at):
    view = model.on("abc").ablate("L0H1, L1.mlp", kind="counterfactual", source="abc", at=at)
    with pytest.raises(VacuousIntervention):
        ioi.logit_diff(view).values(32)


def test_the_other_counterfactuals_value_is_not(model, ioi):
    ioi.logit_diff(model.on("abc").ablate("L0H1", kind="counterfactual", source="swap")).values(32)


def test_a_token_before_any_difference_has_the_same_value_in_the_counterfactual(model, ioi):
    definition = ioi.definition
    frames = tuple(template for template in definition.templates if template.id.endswith("IO-first"))
    task = cc.Task(replace(definition, templates=frames))
    with pytest.raises(VacuousIntervention):
        task.logit_diff(model.ablate("L0H1", kind="counterfactual", source="abc", at="IO-1")).values(32)


def test_an_ablation_that_is_vacuous_on_one_of_two_models_is_found(tmp_path, tiny_gpt2, ioi):
    """The sighted model's receipt must not stand in for the blind one's."""
    blind, seeing = cc.load(str(without_values_of_head(tmp_path, tiny_gpt2))), cc.load(str(tiny_gpt2))
    measured = [ioi.logit_diff(model.ablate("L0H1", kind="zero", at="END")) for model in (blind, seeing)]
    with pytest.raises(VacuousIntervention):
        measured[0].values(32)
    for difference in (measured[0] - measured[1], measured[1] - measured[0]):
        with pytest.raises(VacuousIntervention):
            difference.values(32)


def without_values_of_head(tmp_path, folder):
    """A copy whose head L0H1 moves only zeros."""
    copy = shutil.copytree(folder, tmp_path / "blind")
    tensors = load_file(copy / "model.safetensors")
    width = tensors["transformer.h.0.attn.c_proj.weight"].shape[0]
    head = slice(2 * width + width // 4, 2 * width + width // 2)
    tensors["transformer.h.0.attn.c_attn.weight"][:, head] = 0
    tensors["transformer.h.0.attn.c_attn.bias"][head] = 0
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    return copy
