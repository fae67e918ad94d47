"""`circuitcheck.testing`: kernels that are right keep the laws, and every way to break one is found out.

How it could be fooled: a law that nothing breaks; a broken kernel that is never called."""

from dataclasses import dataclass, field

import pytest
import torch
from own_things import Scale, scale

import circuitcheck as cc
from circuitcheck.errors import BrokenLaw, CircuitCheckError
from circuitcheck.ext import Write, register_kernel
from circuitcheck.testing import BUGS, LAWS, broken_kernels, check_kernel

OURS = {
    "zero": lambda model: model.ablate("L1H2, L2H0", kind="zero", at="END"),
    "mean": lambda model: model.ablate("L1.mlp", kind="mean", n=64),
    "patch": lambda model: model.patch("L1H2.q, L0.resid_mid", source="abc"),
    "knock-out": lambda model: model.knock_out_attention("L1H2", query="END", key="S2"),
    "path": lambda model: model.patch_path("L0H1", into="logits", source="abc", at="END"),
    "neurons": lambda model: model.ablate("L1.mlp[3-5]", kind="zero", at="S2"),
}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.sampled(2)
def test_ours_keep_the_laws_and_each_broken_kernel_is_refused(model, ioi, name):
    for each in OURS[name](model).data.interventions:
        assert check_kernel(each, model, ioi) == tuple(LAWS)
        broken = list(broken_kernels(each, model))
        assert len(broken) > 9
        passed = [bad.bug for bad in broken if not refused(bad, model, ioi)]
        assert not passed


def test_one_of_one_s_own_is_held_to_them_too(model, ioi):
    assert check_kernel(Scale(), model, ioi) == tuple(LAWS)
    assert {bad.bug for bad in broken_kernels(Scale(), model)} == set(BUGS) - {"first layer only"}
    assert not [bad.bug for bad in broken_kernels(Scale(), model) if not refused(bad, model, ioi)]


def test_a_broken_kernel_is_refused_for_what_it_does(model, ioi):
    """And not for what it is."""
    for bad in broken_kernels(Scale(), model):
        with pytest.raises(CircuitCheckError) as refusal:
            check_kernel(bad, model, ioi)
        assert "'it is data'" not in str(refusal.value)


def refused(intervention, model, task):
    try:
        check_kernel(intervention, model, task, n=6)
    except CircuitCheckError:
        return True
    return False


@dataclass(frozen=True)
class ByNeighbours(Scale):
    """What happens to a prompt depends on the next."""


@register_kernel(ByNeighbours)
def by_neighbours(intervention, batch, sources):
    (right,) = scale(intervention, batch, sources)
    return [Write(right.kind, right.layer, lambda value: value + (right.function(value) - value).roll(1, 0) * 3)]


@dataclass(frozen=True)
class ByChance(Scale):
    """Another value each time."""


@register_kernel(ByChance)
def by_chance(intervention, batch, sources):
    (right,) = scale(intervention, batch, sources)
    return [Write(right.kind, right.layer, lambda value: value + torch.rand(()) * (right.function(value) - value))]


@dataclass(frozen=True)
class Unheard(Scale):
    """Its digest does not hear of one of its numbers."""

    tone: float = 1.0

    @property
    def digest(self):
        return f"unheard {self.factor}"


@register_kernel(Unheard)
def unheard(intervention, batch, sources):
    return scale(intervention, batch, sources)


def test_each_law_is_broken_by_something(model, ioi):
    @dataclass(frozen=True)
    class Inside(Scale):
        what: object = field(default=None)

    register_kernel(Inside)(scale)
    for intervention, words in (
        (Scale(factor=1.0), "'it acts where it says' is broken: it changes none of 8 prompts"),
        (ByChance(), "'the same bits each time' is broken"),
        (ByNeighbours(), "'no prompt knows its neighbours' is broken: a prompt's logits move by"),
        (Unheard(), "'it is data' is broken: its digest does not tell"),
        (Inside(), "'it is data' is broken: it cannot be pickled .* Is its class inside of a function"),
    ):
        with pytest.raises(BrokenLaw, match=words):
            check_kernel(intervention, model, ioi)


@dataclass(frozen=True)
class BySequence(Scale):
    """Acts otherwise where something was written before it."""


@register_kernel(BySequence)
def by_sequence(intervention, batch, sources):
    times = 3.0 if sources.before else 1.0
    (right,) = scale(intervention, batch, sources)
    return [Write(right.kind, right.layer, lambda value: value + times * (right.function(value) - value))]


def test_the_law_of_composition_is_broken_by_who_looks_at_the_order(model, ioi):
    with pytest.raises(BrokenLaw, match="'it composes with others' is broken: before and after a zero"):
        check_kernel(BySequence(), model, ioi)


def test_the_laws_have_no_use_for_a_model_s_session(model, ioi):
    """Nothing that they run is remembered as measured."""
    before = cc.current_session().forward_passes
    check_kernel(Scale(), model, ioi)
    assert cc.current_session().forward_passes == before
