"""Directions without length, a dtype that swallows the change, attention that cannot be knocked out."""

import pytest
from small_tasks import names

import circuitcheck as cc
from circuitcheck.errors import (
    BadIntervention,
    StrayWrite,
    UnknownUnit,
    VacuousIntervention,
)
from circuitcheck.places import parse_at
from circuitcheck.plan import Steer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# Directions


def test_a_direction_between_a_position_and_itself(model, ioi):
    with pytest.raises(BadIntervention, match=r"at='S1' and minus='S1' are one position"):
        cc.mean_difference(ioi, model, at="S1", minus="S1")


@pytest.mark.sampled(4)
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
    with pytest.raises(VacuousIntervention, match=r"adding 1e-06 times.*in L1.*bfloat16"):
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
