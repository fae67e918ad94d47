"""Values from a run that is no other run, of another prompt, or a mean over one."""

import json
from dataclasses import replace

import pytest
from small_tasks import names

import circuitcheck as cc
from circuitcheck.engine.torch.running.model_runs import ModelRuns
from circuitcheck.errors import (
    BadIntervention,
    BadRecord,
    BadTask,
    CircuitCheckError,
    UnsoundModel,
    VacuousIntervention,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


# Values from a run that is no other run


@pytest.mark.parametrize(
    "make",
    [
        lambda model: model.patch("L1H2", source="clean"),
        lambda model: model.patch("L1.resid_post, L0H1.q", source="clean", at="END"),
        lambda model: model.on("abc").patch("L1H2", source="abc"),
        lambda model: model.on("abc").patch("L1H2"),
        lambda model: model.patch("L1H2", source="abc").on("abc"),
        lambda model: model.on("abc").ablate("L1H2", kind="counterfactual"),
        lambda model: model.on("swap").ablate("L1H2", kind="counterfactual", source="swap"),
        lambda model: model.patch_path("L0H1", into="L1H2.q", source="clean"),
    ],
)
def test_a_patch_from_the_run_it_is_in(model, measure, make):
    with pytest.raises(VacuousIntervention, match=r"takes its values from the run that it is in \(the view is on \w+\)"):
        measure(make(model))


def test_a_counterfactual_that_declares_no_change():
    with pytest.raises(BadTask, match=r"counterfactual 'same'.*changes nothing"):
        names(same={"A": "a"})


def test_a_patch_from_a_counterfactual_equal_to_the_clean_prompt(model):
    task = names(same={"A": "copy"})
    with pytest.raises((VacuousIntervention, BadTask), match=r"from same changed none of 8|'same'.*changes nothing"):
        task.logit_diff(model.patch("L1H2", source="same")).values(8)


def on_the_same(model):
    return names(same={"A": "copy"}).logit_diff(model.on("same")).values(8)


def test_a_view_on_a_counterfactual_equal_to_the_clean_prompt(model):
    with pytest.raises((VacuousIntervention, BadTask), match=r"same"):
        on_the_same(model)


def test_a_share_recovered_against_a_counterfactual_equal_to_the_clean_prompt(model):
    share = names(same={"A": "copy"}).recovered(model.ablate("L1H2", **ZERO_AT_END))
    with pytest.raises(VacuousIntervention, match="'same' is the prompt itself"):
        (share < 0.5).decide(samples=32)


def test_a_patch_between_two_counterfactuals_that_are_equal(model):
    task = names(one={"A": "other"}, two={"A": "other"})
    with pytest.raises((VacuousIntervention, BadTask), match=r"from two changed none of 8|'two'"):
        task.logit_diff(model.on("one").patch("L1H2", source="two")).values(8)


def test_a_record_whose_counterfactual_is_its_text(tmp_path):
    row = {"text": "Then Mary met", "answer": " Tom", "distractor": " John", "counterfactuals": {"same": "Then Mary met"}}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(BadRecord, match=r"rows\.jsonl:1.*counterfactual 'same' that is the text itself"):
        cc.Task.from_records(tmp_path / "rows.jsonl")


def test_a_patch_where_the_counterfactual_has_the_same_tokens_so_far(model, ioi):
    frames = tuple(each for each in ioi.definition.templates if each.id.endswith("IO-first"))
    task = cc.Task(replace(ioi.definition, templates=frames))
    with pytest.raises(VacuousIntervention, match=r"at IO-1 from abc changed none of 8 prompts at L1\.resid_post"):
        task.logit_diff(model.patch("L1.resid_post", source="abc", at="IO-1")).values(8)


# Another prompt's values of equal shape: receipts see a change


def test_a_source_run_on_the_prompts_in_another_order(with_doctor, tiny_gpt2, measure, monkeypatch):
    """Every site's value in a row that belongs to another prompt."""

    def rolled(honest):
        def run(self, *given):
            logits, kept = honest(self, *given)
            return logits, {where: value.roll(1, 0) for where, value in kept.items()}

        return run

    for way in ("untouched", "whole"):
        monkeypatch.setattr(ModelRuns, way, rolled(getattr(ModelRuns, way)))
    with pytest.raises(CircuitCheckError, match=r"abc|source|another prompt|from the counterfactual"):
        measure(cc.load(str(tiny_gpt2)).patch("L1H2", source="abc", at="END"))


def test_a_batch_that_the_model_returns_in_another_order(with_doctor, bridge, measure):
    """Logits of the next prompt: a data loader's habit."""
    honest = bridge.forward
    bridge.forward = lambda tokens, **arguments: honest(tokens.roll(1, 0), **arguments)
    with pytest.raises(UnsoundModel, match="a prompt alone gives the logits that it has in a batch"):
        measure(cc.load(bridge).patch("L1H2", source="abc", at="END"))


# Means


@pytest.mark.parametrize("kind", ["mean", "resample"])
def test_a_mean_over_one_prompt(model, kind):
    with pytest.raises(BadIntervention, match="n=1; expected a whole number from 2, since one prompt is no mean"):
        model.ablate("L1H2", kind=kind, n=1)


def test_a_mean_over_one_prompt_of_a_template(model, measure):
    """2 templates take turns: of 3 prompts, one template has one."""
    with pytest.raises(BadTask, match=r"3 reference prompts hold 1 of template '\w+/\S+'.*raise n"):
        measure(model.ablate("L1H2", kind="mean", n=3))


def test_a_direction_from_one_prompt(model, ioi):
    with pytest.raises(BadIntervention, match="n=1; expected a whole number from 2"):
        cc.mean_difference(ioi, model, at="IO", minus="S1", n=1)


def test_a_resampled_prompt_that_could_only_be_itself(model):
    with pytest.raises(BadTask, match=r"stand in for|reference"):
        names(abc={"A": "other"}).logit_diff(model.ablate("L1H2", kind="resample", n=2, matching=["A", "B"])).values(8)
