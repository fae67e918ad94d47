"""A hook point that is not there, never fires, or is that of a copy: each is an error that names the point."""

import copy

import pytest

import circuitcheck as cc
from circuitcheck.errors import (
    ModelChanged,
    SiteNotReached,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


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
