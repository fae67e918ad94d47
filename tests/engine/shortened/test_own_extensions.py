"""Interventions and metrics of a user's count tokens in their own way: they see every token of every prompt, and what they
ask of other runs is what whole passes give."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from registries import put_back
from spies import short_passes_counted

import circuitcheck as cc
from circuitcheck.engine.torch.kernels.base import writes_of
from circuitcheck.ext import InterventionBase, MetricBase, Site, Write, parse_at, register_kernel, register_readout
from circuitcheck.plan import Ablate, LogitDiff, Norm, Patch, PatchPath

N = 6
LAST = Site("z", 2, 1)


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    with put_back():
        yield


@pytest.fixture(scope="module")
def gpt2(two_ways):
    return two_ways("gpt2")


@pytest.fixture
def compared(gpt2, task, monkeypatch):
    """The starts of the short passes that were run for a view beside the untouched model, once both ways agree."""

    def run(view, metric=None):
        chosen = metric or cc.logit_diff()
        plan = gpt2.plan(task, (gpt2.model, chosen), (view, chosen))
        gpt2.forget()
        with short_passes_counted(monkeypatch) as found:
            table = gpt2.compare(plan, N)
        assert not isinstance(table, Exception), table  # both ways may refuse what a test gets wrong
        return [(shortcut.layer, shortcut.start) for _, shortcut in found]

    return run


def zero_at_the_last_token(intervention, batch, sources):
    """By a column of its own counting."""
    ((site, _),) = intervention.writes

    def write(value):
        new = value.clone()
        for row, prompt in enumerate(batch.prompts):
            new[row, prompt.end, site.index] = 0
        return new

    return [Write(site.kind, site.layer, write)]


@dataclass(frozen=True)
class Silenced(InterventionBase):
    @property
    def writes(self):
        return ((LAST, parse_at("END")),)

    def describe(self):
        return "L2H1 silenced at END"


def test_an_intervention_of_ones_own_sees_all_tokens_of_fewer_layers(gpt2, compared):
    register_kernel(Silenced)(zero_at_the_last_token)
    assert set(compared(gpt2.model.intervene(Silenced()))) == {(2, 0)}


@dataclass(frozen=True)
class MyAblation(Ablate):
    """A subclass, whose kernel is its own."""


def test_so_does_one_that_extends_ours(gpt2, compared):
    register_kernel(MyAblation)(zero_at_the_last_token)
    assert set(compared(gpt2.model.intervene(MyAblation((LAST,), "zero", parse_at("END"))))) == {(2, 0)}


@dataclass(frozen=True)
class MyPath(InterventionBase):
    """A path patch within a class of one's own."""

    inner: PatchPath
    freezes: ClassVar[tuple[str, ...]] = PatchPath.freezes

    @property
    def writes(self):
        return self.inner.writes

    @property
    def needs(self):
        return self.inner.needs

    @property
    def looks_at(self):
        return self.inner.looks_at

    def describe(self):
        return f"my {self.inner.describe()}"

    def bind(self, **how):
        return replace(self, inner=self.inner.bind(**how))


BELOW = "one more run, asked for by a kernel of a user's, is cut to the layers of the run that it is for"


def test_writes_of_one_more_run_below_what_is_written_are_not_forgotten(gpt2, compared):
    """Its senders lie below all that it declares to write."""
    register_kernel(MyPath)(lambda mine, batch, sources: writes_of(mine.inner, batch, sources))
    path = gpt2.model.patch_path("L0H1, L0.mlp", into="L2.mlp", source="abc", at="END").data.interventions[0]
    compared(gpt2.model.intervene(MyPath(path)))


@dataclass(frozen=True)
class Copied(InterventionBase):
    """The last layer's attention gets what the first one's gave in one more run."""

    @property
    def writes(self):
        return ((Site("attn_out", 2), parse_at("END")),)

    def describe(self):
        return "L0.attn_out in the place of L2.attn_out at END"


def test_sites_below_what_is_written_can_be_read_in_one_more_run(gpt2, compared):
    @register_kernel(Copied)
    def copied(intervention, batch, sources):
        found = sources.rerun([], [("attn_out", 0)])["attn_out", 0]
        where = batch.where(parse_at("END"))

        def write(value):
            new = value.clone()
            new[where] = found[where]
            return new

        return [Write("attn_out", 2, write)]

    compared(gpt2.model.intervene(Copied()))


@dataclass(frozen=True)
class SumOfSite(MetricBase):
    """Reads a site by columns of its own counting."""

    name: ClassVar[str] = "sum of L2.mlp_out at the last token"
    tokens: ClassVar[str] = "none"
    support: ClassVar[str] = "real"

    @property
    def sites(self):
        return (Site("mlp_out", 2),)

    @property
    def looks_at(self):
        return parse_at("END")


def last_token(metric, seen):
    value = seen.sites["mlp_out", 2]
    return torch.stack([value[row, prompt.end].double().sum() for row, prompt in enumerate(seen.prompts)])


def test_a_metric_of_ones_own_that_reads_sites_sees_all_tokens(gpt2, compared):
    register_readout(SumOfSite)(last_token)
    assert set(compared(gpt2.model.ablate("L2H1", kind="zero", at="END"), SumOfSite())) == {(2, 0)}


@dataclass(frozen=True)
class MyNorm(Norm):
    """A subclass, whose readout is its own."""


def test_so_does_one_that_extends_ours_and_reads_sites(gpt2, compared):
    register_readout(MyNorm)(last_token)
    metric = MyNorm(Site("mlp_out", 2), parse_at("END")[0])
    assert set(compared(gpt2.model.ablate("L2H1", kind="zero", at="END"), metric)) == {(2, 0)}


@dataclass(frozen=True)
class MyLogitDiff(LogitDiff):
    name: ClassVar[str] = "the answer's logit less that of word 5"


def test_a_metric_that_extends_ours_sees_all_words(gpt2, compared):
    @register_readout(MyLogitDiff)
    def readout(metric, seen):
        answers = torch.tensor([prompt.answer_id for prompt in seen.prompts])
        return (seen.logits[torch.arange(len(answers)), answers] - seen.logits[:, 5]).double()

    compared(gpt2.model.ablate("L2H1", kind="zero", at="END"), MyLogitDiff())


def test_a_function_of_logits_gets_those_of_all_words(gpt2, compared):
    last = cc.metric(lambda logits, prompts: logits[:, -1].double(), name="the last word's logit")
    assert {layer for layer, start in compared(gpt2.model.ablate("L2H1", kind="zero", at="END"), last) if start} == {2}


@dataclass(frozen=True)
class MyPatch(Patch):
    """Its kernel takes values of another run by columns of its own counting."""


def test_values_of_another_run_are_whole_where_an_extension_takes_them(gpt2, compared):
    @register_kernel(MyPatch)
    def patched(intervention, batch, sources):
        found = sources.value(intervention.source, ("mlp_out", 2))

        def write(value):
            new = value.clone()
            for row, prompt in enumerate(batch.prompts):
                new[row, prompt.end] = found[row, prompt.end]
            return new

        return [Write("mlp_out", 2, write)]

    patch = gpt2.model.patch("L2.mlp", source="abc", at="END").data.interventions[0]
    compared(gpt2.model.intervene(MyPatch(patch.sites, patch.at, "abc")))
