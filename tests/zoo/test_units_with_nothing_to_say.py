"""Units whose output is zero, and sets without any."""

import shutil

import pytest
from receipts import receipt_of
from safetensors.torch import load_file, save_file

import circuitcheck as cc
from circuitcheck.errors import (
    UnknownPosition,
    UnknownSite,
    UnknownUnit,
    VacuousIntervention,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


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
@pytest.mark.sampled(2)
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
