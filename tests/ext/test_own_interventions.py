"""Interventions of one's own: what they do is measured, watched and kept like what ours do.

How it could be fooled: a kernel that is never called, since that of a base or of an equal name is; one that replaces
another without a word; one that gives nothing; an object that is no intervention, or that changes after it was measured."""

import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from own_things import Scale, scale

import circuitcheck as cc
from circuitcheck.engine.torch.running import lengths
from circuitcheck.errors import BadExtension, BadIntervention, StrayWrite, UnknownSite, VacuousIntervention
from circuitcheck.ext import InterventionBase, Site, Write, parse_at, register_kernel
from circuitcheck.plan import Ablate

N = 8


def measured(view, n=N):
    return cc.tasks.ioi().logit_diff(view).values(n)


def test_a_factor_of_zero_is_a_zero_ablation(model, monkeypatch):
    """In passes of the same prompts: those with a kernel of a user's are of one length."""
    monkeypatch.setattr(lengths, "_LONGER", 1.0)
    ours = measured(model.ablate("L1H2", kind="zero", at="END"))
    np.testing.assert_array_equal(measured(model.intervene(Scale(factor=0.0))), ours)
    assert (measured(model.intervene(Scale(factor=3.0))) != ours).any()


def test_what_changes_nothing_is_refused_as_ours_are(model):
    with pytest.raises(VacuousIntervention, match="1 times L1H2 at END changed none of 8 prompts at L1H2.z"):
        measured(model.intervene(Scale(factor=1.0)))


def test_it_can_be_composed_described_and_told_apart(model):
    view = model.intervene(Scale()).ablate("L0.mlp", kind="zero")
    assert repr(view).endswith(": 2 times L1H2 at END; zero ablation of L0.mlp everywhere>")
    assert len({model.intervene(Scale(factor=factor)).digest for factor in (2.0, 2.0, 3.0)}) == 2
    assert (measured(view) != measured(model.ablate("L0.mlp", kind="zero"))).any()


def writing_elsewhere(intervention, batch, sources):
    return [replace(each, function=lambda value: value + 1) for each in scale(intervention, batch, sources)]


def one_token_early(intervention, batch, sources):
    """It moves the indices of its batch, which the proof must not use."""
    ((_, at),) = intervention.writes
    _, columns = batch.where(at)
    columns -= 1
    return scale(intervention, batch, sources)


def one_number_too_many(intervention, batch, sources):
    def write(value):
        new = value * 1
        new[:, -1, intervention.head] = 0
        new[0, 0, 0, 0] += 1
        return new

    return [Write("z", intervention.layer, write)]


@pytest.mark.parametrize(
    "kernel, error, words",
    [
        (one_number_too_many, StrayWrite, r"the value at \(0, 0, 0, 0\) of shape .*, and 0 more"),
        (one_token_early, StrayWrite, "also changes what it does not declare"),
        (writing_elsewhere, StrayWrite, "also changes what it does not declare"),
        (lambda *_: None, BadIntervention, "the kernel of Bad gave NoneType; expected a list of Write"),
        (lambda *_: [torch_free], BadIntervention, "the kernel of Bad gave list; expected a list of Write"),
        (lambda *_: [Write("z", 1, lambda _value: None)], BadIntervention, "a write of the kernel of Bad returned None"),
        (lambda *_: [Write("q", 1, lambda value: value)], StrayWrite, "writes to L1.q, which it does not declare"),
    ],
)
def test_a_kernel_that_is_wrong_is_refused(model, kernel, error, words):
    @dataclass(frozen=True)
    class Bad(Scale):
        pass

    register_kernel(_named_anew(Bad))(kernel)
    with pytest.raises(error, match=words):
        measured(model.intervene(Bad()))


def torch_free(value):
    return value


def _named_anew(kind):
    """Types of a parametrized test share their names, and types of one name are refused."""
    kind.__qualname__ = f"{kind.__qualname__}{id(kind)}"
    return kind


def test_a_type_without_a_kernel_is_refused_with_what_to_write(model):
    @dataclass(frozen=True)
    class Nobody(InterventionBase):
        @property
        def writes(self):
            return ((Site("z", 1, 2), parse_at("END")),)

        def describe(self):
            return "nobody's"

    with pytest.raises(BadIntervention, match=r"Nobody has no kernel here: .*register_kernel\(Nobody\)"):
        measured(model.intervene(Nobody()))


def test_the_kernel_of_a_subclass_of_ours_is_the_one_that_is_called(model):
    @dataclass(frozen=True)
    class Doubled(Ablate):
        pass

    @register_kernel(Doubled)
    def doubled(intervention, batch, sources):
        return scale(Scale(), batch, sources)

    mine = Doubled((Site("z", 1, 2),), "zero", parse_at("END"))
    np.testing.assert_array_equal(measured(model.intervene(mine)), measured(model.intervene(Scale())))


def test_types_of_one_name_are_told_apart_by_their_modules():
    ablate = Ablate((Site("z", 1, 2),), "zero", parse_at("END"))
    mine = dataclass(frozen=True)(type("Ablate", (Ablate,), {}))(ablate.sites, ablate.kind, ablate.at)
    assert mine.digest != ablate.digest


def test_a_kernel_replaces_no_other():
    with pytest.raises(BadExtension, match="Ablate has a kernel of circuitcheck's"):
        register_kernel(Ablate)(scale)
    with pytest.raises(BadExtension, match=r"own_things\.Scale has a kernel already, own_things\.scale"):
        register_kernel(Scale)(writing_elsewhere)
    same_name = dataclass(frozen=True)(type("Scale", (Scale,), {"__module__": Scale.__module__}))
    with pytest.raises(BadExtension, match=r"own_things\.Scale has a kernel already"):
        register_kernel(same_name)(scale)
    register_kernel(Scale)(scale)  # the same again


@pytest.mark.parametrize(
    "given, words",
    [
        ("L1H2", "a str is no intervention; expected a frozen dataclass"),
        (Scale, r"the class Scale is no intervention; .* write \(\)"),
        (InterventionBase(), "It has no writes, describe"),
        (None, "a NoneType is no intervention"),
    ],
)
def test_what_is_no_intervention_is_refused(model, given, words):
    with pytest.raises(BadIntervention, match=words):
        model.intervene(given)


def test_what_can_change_later_is_refused(model):
    @dataclass
    class Loose(InterventionBase):
        factor: float = 1.0

        @property
        def writes(self):
            return ((Site("z", 1, 2), None),)

        def describe(self):
            return "loose"

    with pytest.raises(BadIntervention, match=r"can be changed after it was put into a view: write @dataclass\(frozen"):
        model.intervene(Loose())


def test_places_that_are_not_there_are_refused(model):
    with pytest.raises(UnknownSite, match="L1H4"):
        model.intervene(Scale(head=4))


def test_importing_the_way_in_imports_no_torch():
    said = "import sys, circuitcheck.ext as e; e.register_kernel; e.SiteKind; print({'torch'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
