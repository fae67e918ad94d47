"""Units as sets, and circuits position by position: necessity, sufficiency, and their complements."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, UnknownPosition, UnknownUnit
from circuitcheck.places import Architecture, AttnLayer, Head, MlpLayer, Neuron, unit_of

MODEL = Architecture(3, 4, 4, 64, 16)
ALL = [Head(layer, head) for layer in range(3) for head in range(4)]
some_heads = st.lists(st.sampled_from(ALL), min_size=1, unique=True)


def found(units):
    return set(units.resolve(MODEL))


@given(some_heads, some_heads)
def test_sets_of_heads_are_sets(one, other):
    a, b = cc.heads(one), cc.heads(other)
    for made, expected in (
        (a | b, set(one) | set(other)),
        (a & b, set(one) & set(other)),
        (a - b, set(one) - set(other)),
        (~a, set(ALL) - set(one)),
        (~(a | b), set(ALL) - set(one) - set(other)),
    ):
        if expected:
            assert found(made) == expected
        else:
            with pytest.raises(UnknownUnit, match="no unit of this model"):
                made.resolve(MODEL)


def test_a_complement_is_of_the_kinds_that_the_set_is_about():
    assert found(~cc.heads("L0H0-3, L1H0-3, L2H0-2")) == {Head(2, 3)}
    assert found(~(cc.heads() | cc.layers("L0.mlp"))) == {MlpLayer(1), MlpLayer(2)}
    assert found(~(cc.heads("L2H2") | cc.layers("L0-1.mlp"))) == {*ALL, MlpLayer(2)} - {Head(2, 2)}
    assert len(found(~cc.neurons("L0.mlp[0-15], L1.mlp[0-15], L2.mlp[3]"))) == 15
    assert found(cc.neurons("L1.mlp[2-3]")) == {Neuron(1, 2), Neuron(1, 3)}


def test_a_complement_spares_layers_that_hold_what_is_kept_and_parts_of_kept_layers():
    kept = cc.heads("L2H2") | cc.layers("L1.attn, L0.mlp") | cc.neurons("L1.mlp[3]")
    others = found(~kept)
    assert {unit for unit in others if isinstance(unit, Head)} == {each for each in ALL if each.layer != 1} - {Head(2, 2)}
    assert {unit for unit in others if isinstance(unit, AttnLayer | MlpLayer)} == {AttnLayer(0), MlpLayer(2)}
    assert {unit.layer for unit in others if isinstance(unit, Neuron)} == {1, 2}
    assert len([unit for unit in others if isinstance(unit, Neuron)]) == 31


def test_a_circuit_s_complement_spares_a_layer_where_a_part_of_it_is_kept():
    groups = (~cc.circuit({"END": cc.heads("L2H2"), "S2": cc.layers("L2.attn")})).groups(MODEL)
    spared = {unit: at and [str(position) for position in at.positions] for units, at in groups for unit in units}
    assert spared[AttnLayer(2)] == ["S2", "END"] or spared[AttnLayer(2)] == ["END", "S2"]
    assert sorted(spared[Head(2, 2)]) == ["END", "S2"]
    assert spared[Head(2, 0)] == ["S2"]
    assert spared[Head(1, 2)] is None


def test_units_given_one_by_one_are_read_once():
    kept = cc.heads(f"L{layer}H0" for layer in range(3))
    assert found(kept) | found(~kept) == set(ALL)


def test_many_units_are_counted_in_no_time():
    large = Architecture(12, 12, 12, 64, 3072)
    assert len((~cc.neurons("L0.mlp[0]")).resolve(large)) == 12 * 3072 - 1


@pytest.mark.parametrize("make", [lambda: cc.heads("L0.mlp"), lambda: cc.neurons("L0H1"), lambda: cc.layers("L0H1")])
def test_sets_hold_what_they_say(make):
    with pytest.raises(UnknownUnit, match="alone"):
        make().resolve(MODEL)


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2))


def values(view, n=8):
    return cc.tasks.ioi().logit_diff(view).values(n)


def same(one, other):
    np.testing.assert_allclose(values(one), values(other), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_circuit_and_its_complement_together_are_everything(model):
    circuit = cc.circuit({"END": "L1H2, L2H0", "S2, S1+1": cc.heads("L0H1")})
    everything = model.ablate(cc.heads(), kind="zero")
    same(model.ablate(circuit, kind="zero").ablate(~circuit, kind="zero"), everything)
    same(model.ablate(cc.heads("L1H2"), kind="zero").ablate(~cc.heads("L1H2"), kind="zero"), everything)
    assert np.abs(values(everything) - values(model)).max() > 1e-3


def test_a_circuit_is_ablated_where_it_is_and_its_complement_everywhere_else(model):
    circuit = cc.circuit({"END": "L1H2, L2H0", "S2": "L0H1"})
    by_hand = model.ablate("L1H2, L2H0", kind="zero", at="END").ablate("L0H1", kind="zero", at="S2")
    same(model.ablate(circuit, kind="zero"), by_hand)
    inside = {Head(1, 2): ["END"], Head(2, 0): ["END"], Head(0, 1): ["S2"]}
    prompts = cc.tasks.ioi().prompts(8, model=model)
    lengths = {len(prompt.tokens) for prompt in prompts}
    assert len(lengths) >= 1
    view = model.ablate(~circuit, kind="zero")
    outside = [(unit_of(site), each.at) for each in view.data.interventions for site in each.sites]
    assert {str(unit) for unit, _ in outside} == {f"L{layer}H{head}" for layer in range(3) for head in range(4)}
    for unit, at in outside:
        kept = [] if at is None else [str(position) for position in at.positions]
        assert kept == inside.get(unit, [])


def test_sufficiency_of_everything_is_the_whole_model_and_is_refused_as_empty(model):
    with pytest.raises(UnknownUnit, match="no unit"):
        model.ablate(~cc.heads(), kind="zero")


def test_circuits_that_say_too_much_or_too_little_are_refused(model):
    with pytest.raises(UnknownUnit, match="empty"):
        cc.circuit({})
    with pytest.raises(UnknownUnit, match="by position"):
        cc.circuit("L9H9")
    with pytest.raises(UnknownUnit, match="empty"):
        cc.circuit({"END": None})
    with pytest.raises(UnknownPosition):
        cc.circuit({"S1++1": "L0H1"})
    with pytest.raises(BadIntervention, match="positions of its own"):
        model.ablate(cc.circuit({"END": "L0H1"}), kind="zero", at="S2")
    with pytest.raises(UnknownUnit):
        model.ablate(cc.circuit({"END": "L9H1"}), kind="zero")
    with pytest.raises(UnknownPosition, match="no position 'NOWHERE'"):
        values(model.ablate(~cc.circuit({"NOWHERE": "L0H1"}), kind="zero"))


@pytest.mark.parametrize("matching", ["IO, S1", "S1 IO", ["S1", "IO"], ("IO, S1", "IO")], ids=str)
def test_slots_are_named_as_units_are(model, matching):
    view = model.ablate("L1H2", kind="resample", matching=matching)
    assert view.data.interventions[0].matching == ("IO", "S1")


def test_no_slots_are_none_at_all(model):
    assert model.ablate("L1H2", kind="resample", matching=None).data.interventions[0].matching == ()
