"""Heads, layers and positions that are not there."""

import pytest

import circuitcheck as cc
from circuitcheck.errors import (
    CircuitCheckError,
    UnknownPosition,
    UnknownSite,
    UnknownUnit,
)
from circuitcheck.places import Head, Site, parse_at
from circuitcheck.plan import Ablate, Patch

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


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
