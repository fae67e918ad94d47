"""What ablations do to values, where logic says what it must be."""

from dataclasses import dataclass

import numpy as np
import pytest

from circuitcheck.errors import BadIntervention, BadTask, UnknownPosition
from circuitcheck.places import Site, parse_at
from circuitcheck.plan import Ablate

HEAD = "L1H2"
KINDS = ("zero", "mean", "counterfactual")


@pytest.mark.parametrize("last", KINDS)
@pytest.mark.parametrize("first", KINDS)
@pytest.mark.sampled(1)
def test_of_two_ablations_of_one_head_the_later_counts(model, values, first, last):
    def then(view, kind, **more):
        return view.ablate(HEAD, kind=kind, at="END", **more)

    both = then(then(model, first), last, allow_vacuous=True)
    np.testing.assert_array_equal(values(both), values(then(model, last)))


def test_the_kinds_differ_from_each_other_and_from_clean(model, values):
    found = [values(model)] + [values(model.ablate(HEAD, kind=kind, at="END")) for kind in KINDS]
    assert len({tuple(each) for each in found}) == 4


def test_the_named_counterfactual_is_the_one_used(model, values):
    named = {name: values(model.ablate(HEAD, kind="counterfactual", at="S2", source=name)) for name in ("abc", "swap")}
    assert (named["abc"] != named["swap"]).any()
    np.testing.assert_array_equal(values(model.ablate(HEAD, kind="counterfactual", at="S2")), named["abc"])


def test_the_means_of_another_sample_are_other_means(model, values):
    assert (values(model.ablate(HEAD, kind="mean", n=64)) != values(model.ablate(HEAD, kind="mean", n=128))).any()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", KINDS)
def test_ablating_everything_everywhere_differs_from_clean(model, values, kind):
    everything = model.ablate("L0-2.attn, L0-2.mlp", kind=kind)
    assert (values(everything) != values(model)).mean() > 0.9


def test_all_heads_at_zero_is_the_attention_layer_at_its_bias(inside, model, values):
    assert float(inside.original_model.transformer.h[1].attn.c_proj.bias.abs().max()) == 0
    heads, layer = (values(model.ablate(units, kind="zero")) for units in ("L1H0-3", "L1.attn"))
    np.testing.assert_allclose(heads, layer, rtol=0, atol=1e-5)


def test_everywhere_is_every_position(model, values):
    listed = model.ablate(HEAD, kind="zero", at="END, END-1, END-2, END-3")
    assert (values(listed) != values(model.ablate(HEAD, kind="zero"))).any()


def test_a_position_named_in_two_ways_is_ablated_once(model, values):
    np.testing.assert_array_equal(
        values(model.ablate(HEAD, kind="zero", at="S1, S1[:], S1+0")), values(model.ablate(HEAD, kind="zero", at="S1"))
    )


@pytest.mark.parametrize("unit", ["L2H0-3", "L2.attn", "L2.mlp"])
def test_what_the_last_layer_writes_before_end_never_reaches_end(model, values, unit):
    np.testing.assert_allclose(values(model.ablate(unit, kind="zero", at="S2")), values(model), rtol=0, atol=1e-5)


def test_an_mlp_of_the_last_layer_acts_on_its_own_position_only(model, values):
    np.testing.assert_allclose(
        values(model.ablate("L2.mlp", kind="zero")),
        values(model.ablate("L2.mlp", kind="zero", at="END")),
        rtol=0,
        atol=1e-5,
    )


def test_all_parts_taken_from_the_counterfactual_at_every_token_with_its_words_is_the_counterfactual(model, values):
    """Only the embeddings of the names still differ, and END's own embedding is the same in both."""
    everything = model.ablate("L0-2.attn, L0-2.mlp", kind="counterfactual", source="abc", at="END")
    np.testing.assert_allclose(values(everything), values(model.on("abc")), rtol=0, atol=1e-4)


def test_units_in_one_call_are_as_units_one_by_one(model, values):
    together = model.ablate("L0H1, L2H3, L1.mlp", kind="zero", at="END")
    apart = (
        model.ablate("L2H3", kind="zero", at="END")
        .ablate("L1.mlp", kind="zero", at="END")
        .ablate("L0H1", kind="zero", at="END")
    )
    np.testing.assert_array_equal(values(together), values(apart))


def test_a_sample_without_one_of_the_templates_is_refused(model, values):
    with pytest.raises(BadTask, match="raise n"):
        values(model.ablate(HEAD, kind="mean", n=2))


def test_a_position_after_the_end_is_refused(model, values):
    with pytest.raises(UnknownPosition, match=r"END\+1"):
        values(model.ablate(HEAD, kind="zero", at="END+1"))


def test_an_unknown_position_is_refused_with_those_of_the_task(model, values):
    with pytest.raises(UnknownPosition, match=r"'S3'.*IO, S1, S2"):
        values(model.ablate(HEAD, kind="zero", at="S3"))


@pytest.mark.parametrize("kind", ["resmple", "", None, "Zero"])
def test_an_unknown_kind_is_refused_with_those_there_are(model, kind):
    with pytest.raises(ValueError, match="'zero', 'mean', 'counterfactual'"):
        model.ablate(HEAD, kind=kind)


def test_the_kind_is_never_a_default(model):
    with pytest.raises(TypeError, match="kind"):
        model.ablate(HEAD)


@dataclass(frozen=True)
class EachAtItsOwn(Ablate):
    """Zero ablation of the first site at S2, of the others at END."""

    @property
    def writes(self):
        first, *others = self.sites
        return ((first, parse_at("S2")), *((site, parse_at("END")) for site in others))


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind, layer", [("z", 1), ("q", 2), ("pattern", 0)])
def test_sites_of_one_layer_may_have_positions_of_their_own(model, values, ioi, kind, layer):
    both = EachAtItsOwn((Site(kind, layer, 1), Site(kind, layer, 2), Site(kind, layer, 3)), "zero", parse_at("S2, END"))
    view = model._then(both)
    by_hand = model.ablate(f"L{layer}H1.{kind}", kind="zero", at="S2").ablate(f"L{layer}H2-3.{kind}", kind="zero", at="END")
    np.testing.assert_allclose(values(view), values(by_hand), rtol=0, atol=1e-5)
    (receipt,) = (ioi.logit_diff(view) > -99).decide().receipts
    assert receipt.idle == ()


@pytest.mark.parametrize(
    "site, kind, reason",
    [
        ("L1H2.scores", "zero", "knock_out_attention"),
        ("L1.scores", "mean", "kind='resample'"),
        ("L1H2.pattern", "mean", "kind='resample'"),
    ],
)
def test_an_ablation_that_means_nothing_at_a_site_is_refused_with_what_does(model, site, kind, reason):
    with pytest.raises(BadIntervention, match=f"{kind} ablation of .*{reason}"):
        model.ablate(site, kind=kind)
