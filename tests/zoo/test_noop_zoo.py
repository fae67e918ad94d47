"""Every way we know in which an intervention does nothing, or something else, and nobody says so: each must be an error
whose message names the defect."""

import copy
import json
import shutil
from dataclasses import replace

import pytest
import torch
from buggy_kernels import buggy
from safetensors.torch import load_file, save_file
from small_tasks import names
from tiny import lies_at, save_tiny_gpt2
from torch import nn

import circuitcheck as cc
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.engine.torch.running import model_runs
from circuitcheck.errors import (
    BadIntervention,
    BadRecord,
    BadTask,
    CircuitCheckError,
    EmptyPool,
    ModelChanged,
    SiteNotReached,
    StrayWrite,
    UnknownPosition,
    UnknownSite,
    UnknownUnit,
    UnsoundModel,
    VacuousIntervention,
)
from circuitcheck.places import Head, Site, parse_at
from circuitcheck.plan import Ablate, Patch, Plan, Steer
from circuitcheck.prompts import PromptStream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


@pytest.fixture
def table(monkeypatch):
    """`table(z="blocks.{layer}.nowhere")`: another entry in the table of hook points."""

    def change(**entries):
        for kind, point in entries.items():
            lies_at(monkeypatch, kind, point)

    return change


# A hook point that is not there


def test_writing_a_hook_point_that_does_not_exist(model, measure, table):
    table(z="blocks.{layer}.attn.hook_zz")
    with pytest.raises(SiteNotReached, match=r"no hook point 'blocks\.1\.attn\.hook_zz'"):
        measure(model.ablate("L1H2", **ZERO_AT_END))


def test_taking_values_from_a_hook_point_that_does_not_exist(model, measure, table):
    table(q="blocks.{layer}.attn.hook_qq")
    with pytest.raises(SiteNotReached, match=r"no hook point 'blocks\.1\.attn\.hook_qq'"):
        measure(model.patch("L1H2.q", source="abc", at="END"))


def test_reading_a_hook_point_that_does_not_exist(model, ioi, table):
    table(resid_post="blocks.{layer}.hook_resid_pots")
    with pytest.raises(SiteNotReached, match=r"no hook point 'blocks\.1\.hook_resid_pots'"):
        ioi.metric(cc.norm("L1.resid_post", at="END"), model).values(8)


# A gated point: the library has it, and it never fires


@pytest.mark.parametrize(
    "kind, site, point",
    [
        ("mlp_in", "L1.mlp_in", "blocks.{layer}.hook_mlp_in"),
        ("q", "L1H2.q", "blocks.{layer}.attn.hook_q_input"),
        ("z", "L1H2", "blocks.{layer}.attn.hook_result"),
    ],
)
def test_a_gated_point_that_is_not_enabled(model, measure, table, kind, site, point):
    table(**{kind: point})
    with pytest.raises(SiteNotReached, match=rf"{point.format(layer=1)}.*did not fire"):
        measure(model.patch(site, source="abc", at="END"))


@pytest.mark.parametrize("point", ["attn.hook_result", "hook_mlp_in", "hook_q_input"])
def test_a_gated_point_of_a_hooked_transformer(hooked_transformer, measure, table, point):
    table(z=f"blocks.{{layer}}.{point}")
    with pytest.raises(SiteNotReached, match=rf"blocks\.1\.{point}.*did not fire"):
        measure(cc.load(hooked_transformer).ablate("L1H2", **ZERO_AT_END))


# A hook on a copy of the module


def test_a_hook_on_a_block_that_was_replaced_by_its_copy(hooked_transformer, measure):
    """The registry still has the points of the block that no longer runs."""
    hooked_transformer.blocks[1] = copy.deepcopy(hooked_transformer.blocks[1])
    with pytest.raises(SiteNotReached, match=r"blocks\.1\.attn\.hook_z.*did not fire"):
        measure(cc.load(hooked_transformer).ablate("L1H2", **ZERO_AT_END))


def test_a_hook_on_an_mlp_of_a_bridge_that_was_replaced_by_its_copy(bridge, measure):
    block = bridge.original_model.transformer.h[1]
    block.mlp = copy.deepcopy(block.mlp)
    with pytest.raises(SiteNotReached, match=r"blocks\.1\.hook_mlp_out.*did not fire"):
        measure(cc.load(bridge).ablate("L1.mlp", **ZERO_AT_END))


def test_a_module_that_was_replaced_by_its_copy_after_loading(bridge, measure):
    model = cc.load(bridge)
    bridge.original_model.transformer.h[1] = copy.deepcopy(bridge.original_model.transformer.h[1])
    with pytest.raises((SiteNotReached, ModelChanged), match=r"blocks\.1|changed"):
        measure(model.ablate("L1.mlp", **ZERO_AT_END))


# Kernels that are wrong


@pytest.mark.parametrize("bug", ["edits in place", "edits in place, returns None"])
def test_an_edit_in_place(model, measure, then, bug):
    with pytest.raises(StrayWrite, match=r"L1H2 at END, at L1\.z,.*edits the model's own tensor.*clone"):
        measure(then(model, buggy(model, bug, "L1H2", "END")))


def test_an_edit_in_place_through_data(model, measure, then):
    """No version counter sees it."""
    with pytest.raises((StrayWrite, VacuousIntervention), match=r"zero ablation of L1H2 at END"):
        measure(then(model, buggy(model, "edits in place through .data", "L1H2", "END")))


def test_an_edit_in_place_through_data_beside_the_write(model, measure, then):
    with pytest.raises(StrayWrite, match=r"zero ablation of L1H2 at END, at L1\.z"):
        measure(then(model, buggy(model, "edits others through .data", "L1H2", "END")))


@pytest.mark.parametrize("bug", ["returns None", "edits a clone, returns the original"])
def test_an_edit_that_is_never_returned(model, measure, then, bug):
    with pytest.raises(VacuousIntervention, match=r"L1H2 at END changed none of 8 prompts at L1H2\.z"):
        measure(then(model, buggy(model, bug, "L1H2", "END")))


@pytest.mark.parametrize("at", ["END", None])
@pytest.mark.parametrize("axis", ["position", "prompt", "last"])
def test_the_head_s_index_on_the_wrong_axis(model, measure, then, axis, at):
    with pytest.raises(StrayWrite, match=r"L1H2.*at L1\.z, also changes what it does not declare.*wrong axis"):
        measure(then(model, buggy(model, f"head on the {axis} axis", "L1H2", at)))


@pytest.mark.parametrize("bug", ["the next head", "the token before", "all heads", "all tokens"])
def test_a_write_to_more_or_others_than_declared(model, measure, then, bug):
    with pytest.raises(StrayWrite, match=r"L1H2 at END, at L1\.z, also changes what it does not declare"):
        measure(then(model, buggy(model, bug, "L1H2", "END")))


def receipt_of(ioi, view):
    cells = ioi.logit_diff(view).cells
    (receipt,) = cc.current_session().measure(PromptStream(ioi.definition, "test", 0), cells, range(8)).receipts
    return receipt


def test_a_write_to_the_first_prompt_only_is_not_said_to_have_changed_all(model, ioi, then):
    """An index on the prompt axis. Some prompts are left as they are by honest interventions, too: the receipt counts."""
    assert receipt_of(ioi, then(model, buggy(model, "first prompt only", "L1H2", "END"))).changed <= 2


def test_a_write_to_the_first_of_two_heads_only_leaves_the_other_idle(model, ioi, then):
    assert receipt_of(ioi, then(model, buggy(model, "first head only", "L1H2, L1H3", "END"))).idle == ("L1H3.z",)
    assert receipt_of(ioi, model.ablate("L1H2, L1H3", **ZERO_AT_END)).idle == ()


@pytest.mark.xfail(strict=True, reason="receipts count by prompt and by unit, not by token")
def test_a_write_to_the_first_of_two_tokens_only(model, measure, then):
    with pytest.raises((VacuousIntervention, StrayWrite), match=r"L1H2 at S2, END.*END"):
        measure(then(model, buggy(model, "first token only", "L1H2", "S2, END")))


def test_a_write_to_the_first_of_two_layers_only(model, measure, then):
    with pytest.raises(SiteNotReached, match=r"L1H2, L2H3 at END writes nothing to L2\.z"):
        measure(then(model, buggy(model, "first layer only", "L1H2, L2H3", "END")))


def test_a_kernel_without_writes(model, measure, then):
    with pytest.raises(SiteNotReached, match=r"L1H2 at END writes nothing to L1\.z"):
        measure(then(model, buggy(model, "no write", "L1H2", "END")))


def test_a_write_to_the_head_of_another_layer(model, measure, then):
    with pytest.raises(StrayWrite, match=r"L1H2 at END writes to L2\.z, which it does not declare"):
        measure(then(model, buggy(model, "next layer", "L1H2", "END")))


def test_a_write_to_another_kind_of_site(model, measure, then):
    with pytest.raises(StrayWrite, match=r"L1H2 at END writes to L1\.q, which it does not declare"):
        measure(then(model, buggy(model, "another kind of site", "L1H2", "END")))


@pytest.mark.parametrize(
    "bug, word", [("one token's shape", r"\(8, 1, 4, 8\)|\(\d+, 1, 4, 8\)"), ("another dtype", "float64")]
)
def test_a_value_of_another_shape_or_dtype(model, measure, then, bug, word):
    with pytest.raises(StrayWrite, match=rf"L1H2 at END, at L1\.z, gives .*{word}"):
        measure(then(model, buggy(model, bug, "L1H2", "END")))


# Another place of the same shape: what a write brings about tells, and the doctor looks (see tests/engine/doctor)


def test_a_head_s_output_in_another_layer(with_doctor, tiny_gpt2, measure, table):
    table(z="blocks.0.attn.hook_z")
    with pytest.raises(UnsoundModel, match=r"[:;] z: a patch has the effect that its definition demands"):
        measure(cc.load(str(tiny_gpt2)).ablate("L1H2", **ZERO_AT_END))


# Heads, layers and positions that are not there


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda model: model.ablate("L1H4", kind="zero"), "L1H4"),
        (lambda model: model.ablate("L1H2-4", kind="zero"), "L1H4"),
        (lambda model: model.ablate([Head(1, 4)], kind="zero"), "L1H4"),
        (lambda model: model.ablate([Head(1, -1)], kind="zero"), "L1H-1"),
        (lambda model: model.ablate(cc.heads("L1H4"), kind="zero"), "L1H4"),
        (lambda model: model.ablate(cc.circuit({"END": "L1H4"}), kind="zero"), "L1H4"),
        (lambda model: model.patch("L1H4.q", source="abc"), r"L1H4\.q"),
        (lambda model: model.knock_out_attention("L1H4", query="END", key="S2"), "L1H4"),
        (lambda model: model.patch_path("L1H4", into="logits", source="abc"), "L1H4"),
        (lambda model: model.patch_path("L0H1", into="L2H4.q", source="abc"), r"L2H4\.q"),
    ],
)
def test_a_head_that_layer_does_not_have(model, make, name):
    with pytest.raises((UnknownUnit, UnknownSite), match=rf"{name} does not exist: .*4 heads \(H0 to H3\)"):
        make(model)


def test_a_head_of_another_model_s_numbering(tiny_llama):
    """What a paper calls head 3 reads the key/value head 1 here."""
    with pytest.raises(
        UnknownSite, match=r"L1H3\.k does not exist: .*2 key/value heads; query head 3 reads key/value head 1"
    ):
        cc.load(str(tiny_llama)).patch("L1H3.k", source="abc")


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda model, found: model.ablate("L3H0", kind="zero"), "L3H0"),
        (lambda model, found: model.ablate("L0-3.mlp", kind="zero"), r"L3\.mlp"),
        (lambda model, found: model.ablate("L3.mlp[0]", kind="zero"), r"L3\.mlp\[0\]"),
        (lambda model, found: model.patch("L3.resid_post", source="abc"), r"L3\.resid_post"),
        (lambda model, found: model.patch([Site("z", 3, 0)], source="abc"), r"L3H0\.z"),
        (lambda model, found: model.knock_out_attention("L3.attn", query="END", key="S2"), r"L3\.attn"),
        (lambda model, found: model.add(found, layers="L3"), "layer 3"),
        (lambda model, found: model.add(found, layers=[3]), "layer 3"),
        (lambda model, found: cc.mean_difference(cc.tasks.ioi(), model, at="IO", minus="S1", layers="L3"), "layer 3"),
    ],
)
def test_a_layer_beyond_the_model(model, ioi, make, name):
    found = cc.mean_difference(ioi, model, at="IO", minus="S1", n=16)
    with pytest.raises((UnknownUnit, UnknownSite), match=rf"{name} does not exist: .*3 layers \(L0 to L2\)"):
        make(model, found)


@pytest.mark.parametrize(
    "made, name",
    [
        (Ablate((Site("z", 3, 0),), "zero", None), "L3"),
        (Ablate((Site("z", 1, 4),), "zero", None), "L1H4"),
        (Patch((Site("resid_post", 3),), None, "abc"), "L3"),
        (Patch((Site("q", 1, 4),), parse_at("END"), "abc"), r"L1H4\.q"),
    ],
)
def test_a_plan_by_hand_with_a_head_or_layer_that_is_not_there(model, measure, then, made, name):
    with pytest.raises(CircuitCheckError, match=name.replace("L3", r"(L3|blocks\.3)")):
        measure(then(model, made))


@pytest.mark.parametrize(
    "make",
    [
        lambda model: model.ablate("L1H2", kind="zero", at="END+1"),
        lambda model: model.ablate("L1H2", kind="zero", at="S2, END+1"),
        lambda model: model.patch("L1H2", source="abc", at="END+1"),
        lambda model: model.patch("L1.scores", source="abc", at="END+1"),
        lambda model: model.patch_path("L0H1", into="L1H2.q", source="abc", at="END+1"),
        lambda model: model.patch_path("L0H1", into="L1H2.q", source="abc", sender_at="END+1"),
        lambda model: model.knock_out_attention("L1H2", query="END+1", key="S2"),
        lambda model: model.knock_out_attention("L1H2", query="END", key="END+1"),
        lambda model: model.ablate(cc.circuit({"END+1": "L1H2"}), kind="zero"),
        lambda model: model.ablate(~cc.circuit({"END+1": "L1H2"}), kind="zero"),
    ],
)
def test_a_position_beyond_the_prompt(model, measure, make):
    with pytest.raises(UnknownPosition, match=r"END\+1 is token \d+ of a prompt that has tokens 0 to \d+"):
        measure(make(model))


def test_a_position_before_the_prompt(model, measure):
    with pytest.raises(UnknownPosition, match=r"S1-50 is token -\d+ of a prompt"):
        measure(model.ablate("L1H2", kind="zero", at="S1-50"))


def test_a_direction_between_positions_beyond_the_prompt(model, ioi, measure):
    with pytest.raises(UnknownPosition, match=r"END\+1 is token"):
        measure(model.add(cc.mean_difference(ioi, model, at="END+1", minus="S1", n=16), at="END"))


def test_a_metric_at_a_position_beyond_the_prompt(model, ioi):
    with pytest.raises(UnknownPosition, match=r"END\+1 is token"):
        ioi.metric(cc.norm("L1.resid_post", at="END+1"), model).values(8)


# Positions that mean other tokens: a second BOS


def test_a_second_bos_in_the_text(model):
    with pytest.raises(BadTask, match=r"already holds the BOS '<\|endoftext\|>'"):
        names({"met": "<|endoftext|>Then {A} met {B} and"}).logit_diff(model).values(2)


def test_a_second_bos_in_records(model, tmp_path):
    rows = [{"text": f"<|endoftext|>Then {name} met", "answer": " Mary", "distractor": " John"} for name in ("Tom", "James")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = cc.Task.from_records(tmp_path / "rows.jsonl").on_stream("test")
    with pytest.raises((BadTask, BadRecord), match=r"already holds the BOS '<\|endoftext\|>'|0 prompts"):
        task.logit_diff(model).values(1)
    assert "already holds the BOS" in str(task.explain(model))


def test_a_second_bos_that_the_tokenizer_adds(with_doctor, tiny_gpt2, measure, monkeypatch):
    """Two places that each see to it that there is one."""
    once = HubTokenizer._with_bos
    monkeypatch.setattr(HubTokenizer, "_with_bos", lambda self, encoding: once(self, once(self, encoding)))
    model = cc.load(str(tiny_gpt2), bos="always")
    with pytest.raises(UnsoundModel, match="a prompt starts with one BOS"):
        measure(model.ablate("L1H2", **ZERO_AT_END))


def test_a_slow_tokenizer_that_adds_a_bos_whatever_it_is_told(bridge, measure):
    kind = type(bridge.tokenizer)

    class Eager(kind):
        is_fast = False

        def __call__(self, text, **arguments):
            found = super().__call__(text, **arguments)
            found["input_ids"] = [self.bos_token_id, *found["input_ids"]]
            return found

    bridge.tokenizer.__class__ = Eager
    with pytest.raises((BadTask, EmptyPool), match=r"endoftext|BOS"):
        measure(cc.load(bridge).ablate("L1H2", **ZERO_AT_END))


class WithBos:
    """What prompt tuning does, or a wrapper that was too careful."""

    def __init__(self, forward):
        self.inner = forward

    def __call__(self, tokens, **arguments):
        return self.inner(nn.functional.pad(tokens, (1, 0), value=0), **arguments)


def test_a_model_that_prepends_a_bos_of_its_own_to_tokens(hooked_transformer, measure):
    """Logits at END would be those of the token before: numbers like any others."""
    hooked_transformer.forward = WithBos(hooked_transformer.forward)
    with pytest.raises(
        SiteNotReached, match=r"logits for \(1, 3\) prompts and tokens, and was given \(1, 2\).*BOS of its own"
    ):
        measure(cc.load(hooked_transformer))


# A key/value cache: hooks see only the last tokens


def cached(model, prefix):
    """The model's forward as generation runs it: a prefix that was read before, unseen by hooks, and the tokens after it."""
    from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache

    forward = model.forward

    def forward_with_cache(tokens, **arguments):
        if tokens.shape[1] < 4:
            return forward(tokens, **arguments)
        cache = TransformerLensKeyValueCache.init_cache(model.cfg, "cpu", tokens.shape[0])
        count = tokens.shape[1] - 1 if prefix == "all but the last" else prefix
        hooks = {point: (point._forward_hooks.copy(), point._forward_hooks.clear()) for point in model.hook_dict.values()}
        forward(tokens[:, :count], past_kv_cache=cache, **arguments)
        for point, (kept, _) in hooks.items():
            point._forward_hooks.update(kept)
        return forward(tokens[:, count:], past_kv_cache=cache, **arguments)

    model.forward = forward_with_cache
    return cc.load(model)


@pytest.mark.parametrize("prefix", ["all but the last", 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda model: model.ablate("L1H2", kind="zero", at="END"),
        lambda model: model.ablate("L1H2", kind="mean", n=64),
        lambda model: model.patch("L1H2", source="abc", at="S1"),
        lambda model: model.patch("L1H2.pattern", source="abc", at="END"),
        lambda model: model.knock_out_attention("L1H2", query="END", key="S2"),
    ],
)
def test_generation_with_a_cache(hooked_transformer, measure, prefix, make):
    with pytest.raises(SiteNotReached, match=r"generating with a cache|generate with a cache"):
        measure(make(cached(hooked_transformer, prefix)))


@pytest.mark.parametrize("prefix", ["all but the last", 3])
def test_reading_a_site_under_generation_with_a_cache(hooked_transformer, ioi, prefix):
    with pytest.raises(SiteNotReached, match=r"generate with a cache"):
        ioi.metric(cc.norm("L1.resid_post", at="S1"), cached(hooked_transformer, prefix)).values(8)


@pytest.mark.parametrize("prefix", ["all but the last", 3])
def test_logits_under_generation_with_a_cache(hooked_transformer, measure, prefix):
    with pytest.raises(CircuitCheckError, match=r"tokens"):
        measure(cached(hooked_transformer, prefix))


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
    honest = model_runs.ModelRuns.untouched

    def rolled(self, *given):
        logits, kept = honest(self, *given)
        return logits, {where: value.roll(1, 0) for where, value in kept.items()}

    for way in ("untouched", "whole"):
        monkeypatch.setattr(model_runs.ModelRuns, way, rolled)
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


# Directions


@pytest.fixture
def direction(model, ioi):
    return cc.mean_difference(ioi, model, at="IO", minus="S1", n=16)


def test_a_direction_between_a_position_and_itself(model, ioi):
    with pytest.raises(BadIntervention, match=r"at='S1' and minus='S1' are one position"):
        cc.mean_difference(ioi, model, at="S1", minus="S1")


@pytest.mark.parametrize(
    "dtype, at, minus, site",
    [("float32", "S1", "S1[:]", "resid_post"), ("float32", "S2", "S1", "embed"), ("float64", "S1", "S2", "embed")],
)
@pytest.mark.parametrize("how", ["add", "subtract", "project_out", "random"])
def test_a_direction_of_norm_zero(model, tiny_gpt2, ioi, measure, at, minus, site, dtype, how):
    """S1 is one token, and S1 and S2 are the same name. Rounding is no direction."""
    model = cc.load(str(tiny_gpt2), dtype=dtype)

    def steer():
        zero = cc.mean_difference(ioi, model, site, at=at, minus=minus, n=16)
        if how == "random":
            return measure(model.add(cc.random_direction(zero), at="END"))
        return measure(getattr(model, how)(zero, at="END"))

    with pytest.raises(BadIntervention, match=r"mean difference S\d.* is zero in L0"):
        steer()


@pytest.mark.parametrize("scale", [0, 0.0, -0.0, float("nan"), float("inf"), False])
def test_a_scale_that_does_nothing(model, direction, scale):
    with pytest.raises(BadIntervention, match=rf"scale={scale}(\.0)?(: add|; expected a finite number)"):
        model.add(direction, at="END", scale=scale)


def test_a_scale_of_zero_in_a_plan_by_hand(model, direction, measure, then):
    with pytest.raises(VacuousIntervention, match=r"adding 0 times the mean difference.* in L1 changed none of 8"):
        measure(then(model, Steer(direction, "add", parse_at("END"), (1,), 0.0)))


def test_no_layers_to_steer_at(model, direction):
    with pytest.raises(UnknownUnit, match="no layers in"):
        model.add(direction, at="END", layers=[])


def test_a_layer_that_the_direction_has_no_vector_for(model, ioi):
    found = cc.mean_difference(ioi, model, at="IO", minus="S1", layers="L1", n=16)
    with pytest.raises(BadIntervention, match="no vector for L2"):
        model.add(found, at="END", layers="L1-2")


# A dtype that swallows the change


def test_a_dose_that_bfloat16_swallows(coarse, ioi, measure):
    dose = cc.mean_difference(ioi, coarse, at="IO", minus="S1", n=16)
    with pytest.raises(VacuousIntervention, match=r"adding 1e-06 times.*in L1 changed none of 8 prompts at L1\.resid_post"):
        measure(coarse.add(dose, at="END", layers="L1", scale=1e-6))


def test_a_swallowed_dose_names_the_dtype(coarse, ioi, measure):
    dose = cc.mean_difference(ioi, coarse, at="IO", minus="S1", n=16)
    with pytest.raises(VacuousIntervention, match="bfloat16"):
        measure(coarse.add(dose, at="END", layers="L1", scale=1e-6))


def test_a_dose_of_which_bfloat16_swallows_most(coarse, ioi, measure):
    """What is left after rounding has another size and another direction than what was to be added."""
    dose = cc.mean_difference(ioi, coarse, at="IO", minus="S1", n=16)
    with pytest.raises((VacuousIntervention, StrayWrite), match=r"adding.*(bfloat16|rounding)"):
        measure(coarse.add(dose, at="END", layers="L1", scale=1e-3))


# Attention


@pytest.mark.parametrize("query, key", [("S1", "END"), ("IO", "S2"), ("S2", "S2+1")])
def test_a_knock_out_of_a_pair_that_is_masked_already(model, ioi, query, key):
    with pytest.raises(VacuousIntervention, match=rf"from queries at {query} to keys at {key}".replace("+", r"\+")):
        ioi.logit_diff(model.knock_out_attention("L1H2, L0H1", query=query, key=key)).values(8)


@pytest.mark.parametrize("key", ["A", None])
def test_a_knock_out_that_leaves_no_key(model, key):
    task = names({"met": " {A} met {B} and"})
    with pytest.raises(BadIntervention, match=r"L1H2.*token 0 of .* is left with nothing to attend to"):
        task.logit_diff(model.knock_out_attention("L1H2", query="A, END", key=key)).values(8)


def test_a_knock_out_twice(model, measure):
    view = model.knock_out_attention("L1H2", query="END", key="S2")
    with pytest.raises(VacuousIntervention, match=r"L1H2 from queries at END to keys at S2 changed none"):
        measure(view.knock_out_attention("L1H2", query="END", key="S2"))


def test_a_path_between_tokens_that_no_path_joins(model, measure):
    """What a sender adds at S2 is nothing that a query at END reads directly."""
    with pytest.raises(VacuousIntervention, match=r"path patch of L0H1 at S2 into L1H2\.q at END from abc changed none"):
        measure(model.patch_path("L0H1", into="L1H2.q", source="abc", at="END", sender_at="S2"))


def test_a_sender_after_the_receiver(model):
    with pytest.raises(BadIntervention, match=r"L2H1 comes after every receiver in L1H2\.q"):
        model.patch_path("L2H1", into="L1H2.q", source="abc")


# Units that have nothing to say


@pytest.fixture
def blind(tmp_path, tiny_gpt2):
    """A model whose head L0H1 moves only zeros."""
    folder = shutil.copytree(tiny_gpt2, tmp_path / "blind")
    tensors = load_file(folder / "model.safetensors")
    width = tensors["transformer.h.0.attn.c_proj.weight"].shape[0]
    head = slice(2 * width + width // 4, 2 * width + width // 2)
    tensors["transformer.h.0.attn.c_attn.weight"][:, head] = 0
    tensors["transformer.h.0.attn.c_attn.bias"][head] = 0
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return cc.load(str(folder))


@pytest.mark.parametrize(
    "make",
    [
        lambda model: model.ablate("L0H1", kind="zero"),
        lambda model: model.ablate("L0H1", kind="mean", n=64),
        lambda model: model.ablate("L0H1", kind="counterfactual"),
        lambda model: model.ablate("L0H1", kind="resample"),
        lambda model: model.patch("L0H1.result", source="abc"),
        lambda model: model.patch("L0H1.v", source="abc"),
    ],
)
def test_a_head_whose_output_is_zero(blind, measure, make):
    with pytest.raises(VacuousIntervention, match=r"of L0H1.*changed none of 8 prompts at L0H1\.\w+"):
        measure(make(blind))


def test_a_head_whose_output_is_zero_among_others_is_named(blind, ioi):
    """A claim about two heads that is about one of them."""
    view = blind.ablate("L0H1, L1H2", **ZERO_AT_END)
    assert receipt_of(ioi, view).idle == ("L0H1.z",)
    (warning,) = (note for note in (ioi.logit_diff(view) > 1000).decide().warnings if "changed nothing" in note)
    assert "zero ablation of L0H1, L1H2 at END changed nothing in any prompt at L0H1.z" in warning


def test_the_ablation_of_a_head_that_is_ablated_already(model, measure):
    view = model.ablate("L1H2", **ZERO_AT_END)
    with pytest.raises(VacuousIntervention, match=r"zero ablation of L1H2 at END changed none of 8"):
        measure(view.ablate("L1H2", **ZERO_AT_END))


EMPTY = ["", " , ", [], (), cc.heads("L1H2") - cc.heads("L1H2"), ~cc.heads(), cc.heads("L1H2") & cc.heads("L1H3")]


@pytest.mark.parametrize("units", EMPTY, ids=repr)
def test_an_empty_set_of_units(model, units):
    for act in (
        lambda: model.ablate(units, kind="zero"),
        lambda: model.patch(units, source="abc"),
        lambda: model.knock_out_attention(units, query="END", key="S2"),
        lambda: model.patch_path(units, into="logits", source="abc"),
    ):
        with pytest.raises((UnknownUnit, UnknownSite), match=r"no (unit|site)s? (in|of)"):
            act()


@pytest.mark.parametrize("make", [lambda: cc.circuit({}), lambda: cc.circuit({"": "L1H2"})])
def test_an_empty_circuit(make):
    with pytest.raises((UnknownUnit, UnknownPosition), match=r"circuit without places|no positions in ''"):
        make()


def test_a_circuit_of_an_empty_set(model):
    with pytest.raises(UnknownUnit, match=r"an intervention on nothing changes nothing"):
        model.ablate(cc.circuit({"END": cc.heads("L1H2") - cc.heads("L1H2")}), kind="zero")


@pytest.mark.parametrize("at", ["", [], " "])
def test_no_positions(model, at):
    with pytest.raises(UnknownPosition, match="no positions in"):
        model.ablate("L1H2", kind="zero", at=at)


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
