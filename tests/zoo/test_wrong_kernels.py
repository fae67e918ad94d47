"""Kernels that are wrong, and sites that lie elsewhere than they say."""

import pytest
from buggy_kernels import buggy
from receipts import receipt_of

import circuitcheck as cc
from circuitcheck.errors import (
    SiteNotReached,
    StrayWrite,
    UnsoundModel,
    VacuousIntervention,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


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
