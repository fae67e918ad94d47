"""A run waits for its device as often with many views as with few.

How it could be fooled: a count that sees no waits; passes that are not run; a check that is put off and never made."""

from functools import partial
from types import MethodType

import pytest
import torch
from tiny_dictionaries import random_dictionary
from waits import Waits

import circuitcheck as cc
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.running import lengths
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.plan import Plan

FETCHES = "engine/torch/transfer/fetching.py"
HEADS = [f"L{layer}H{head}" for layer in range(3) for head in range(4)]
FEW, MANY = 2, 12
N = 8
METRICS = {
    "logit_diff": cc.logit_diff,
    "accuracy": cc.accuracy,
    "rank": cc.rank,
    "kl_from_clean": cc.kl_from_clean,
    "candidate_accuracy": cc.candidate_accuracy,
    "attention": lambda: cc.attention("L2H0", query="END", key="IO"),
    "norm": lambda: cc.norm("L2.resid_post", at="END"),
}
ON_THE_WAY_TO_LOGITS = {
    "attribution": lambda ioi: lambda view: ioi.attribution(view, "L2H1,L1.mlp"),
    "what heads bring": lambda ioi: lambda view: ioi.attribution(view, "L2H1", key="IO"),
    "all parts": lambda ioi: lambda view: ioi.attribution(view, "embed,pos_embed,L0-2.attn,L0-2.mlp,b_U"),
    "lens": lambda ioi: lambda view: ioi.lens(view, "L1.resid_post"),
}
VIEWS = {
    "zero": lambda model, head: model.ablate(head, kind="zero"),
    "mean": lambda model, head: model.ablate(head, kind="mean", at="END", n=128),
    "resample": lambda model, head: model.ablate(head, kind="resample", n=64),
    "patch": lambda model, head: model.patch(head, source="abc"),
    "path": lambda model, head: model.patch_path(head, into="L2.mlp", source="abc", at="END"),
    "knock_out": lambda model, head: model.knock_out_attention(head, query="END", key="IO"),
    "add": lambda model, head: model.add(direction(model), layers="L1", scale=1.0 + HEADS.index(head)),
    "project_out": lambda model, head: model.project_out(direction(model), layers="L1").ablate(head, kind="zero"),
}


def direction(model):
    return cc.mean_difference(cc.tasks.ioi(), model, "resid_post", at="IO", minus="S1", n=16)


@pytest.fixture(autouse=True)
def lengths_apart(monkeypatch):
    """As many batches with few views as with many."""
    monkeypatch.setattr(lengths, "_LONGER", 1.0)


@pytest.fixture
def waits(model, ioi, engine):
    """Of a run of so many views: by place, where they are to be counted."""

    def count(make, metric, number):
        views = [make(model, head) for head in HEADS[:number]]
        quantity_of = metric if callable(metric) else partial(ioi.metric, metric)
        cells = tuple(cell for view in views for cell in quantity_of(view).cells)
        plan = Plan(model.ref, ioi.logit_diff(model).prompts, cells, N)
        engine.run(plan, range(N))  # what is found out once about a model, is
        with Waits() as found:
            table = engine.run(plan, range(N))
        assert len(table.values) == len(cells)
        return found.at

    return count


@pytest.mark.parametrize("metric", [*METRICS, *ON_THE_WAY_TO_LOGITS])
def test_of_every_metric(waits, ioi, model, metric):
    read, view = (METRICS[metric](), "zero") if metric in METRICS else (ON_THE_WAY_TO_LOGITS[metric](ioi), "knock_out")
    few, many = (waits(VIEWS[view], read, number) for number in (FEW, MANY))
    batches = len({len(prompt.tokens) for prompt in ioi.prompts(N, model=model, stream="test")})
    assert few == many
    assert sum(count for place, count in many.items() if place.startswith(FETCHES)) == batches


@pytest.mark.parametrize("kind", [kind for kind in VIEWS if kind != "zero"])
def test_of_every_intervention(waits, kind):
    assert waits(VIEWS[kind], cc.logit_diff(), FEW) == waits(VIEWS[kind], cc.logit_diff(), MANY)


FEATURES = {
    "remove": lambda model, sae, number: model.remove(sae[number]),
    "clamp": lambda model, sae, number: model.clamp(sae[number], 1.0, at="END"),
    "mean": lambda model, sae, number: model.ablate(sae[number], kind="mean", at="END", n=128),
    "patch": lambda model, sae, number: model.patch(sae[number], source="abc"),
    "reconstruct": lambda model, sae, number: model.through(sae).ablate(HEADS[number], kind="zero"),
}


@pytest.mark.parametrize("kind", FEATURES)
def test_of_every_change_to_features(waits, model, monkeypatch, kind):
    """As on a GPU, where no dictionary remembers what it encoded."""
    monkeypatch.setattr(LoadedDictionary, "for_one_run", lambda dictionary: dictionary)
    sae = random_dictionary("L1.resid_post", int(model.inner.cfg.d_model))

    def make(model, head):
        return FEATURES[kind](model, sae, HEADS.index(head))

    assert waits(make, cc.logit_diff(), FEW) == waits(make, cc.logit_diff(), MANY)


def tensors_in(thing):
    """That a call which is still to be made holds."""
    if isinstance(thing, torch.Tensor):
        return 1
    if isinstance(thing, partial):
        return sum(map(tensors_in, (thing.func, *thing.args, *thing.keywords.values())))
    if isinstance(thing, MethodType):
        return sum(map(tensors_in, vars(thing.__self__).values()))
    held = getattr(thing, "__closure__", None) or ()
    return sum(tensors_in(cell.cell_contents) for cell in held)


@pytest.mark.parametrize("kind", VIEWS)
def test_what_waits_for_the_end_holds_no_tensors(waits, monkeypatch, kind):
    """They would be in memory together, for all views."""
    asked, honest = [], Fetching.ask

    def spied(fetching, numbers, use):
        asked.append(use)
        honest(fetching, numbers, use)

    monkeypatch.setattr(Fetching, "ask", spied)
    waits(VIEWS[kind], cc.logit_diff(), FEW)
    assert asked
    assert sum(map(tensors_in, asked)) == 0


@pytest.mark.parametrize(
    "wait",
    [
        bool,
        float,
        torch.Tensor.tolist,
        lambda one: one.cpu(),
        lambda one: one[one > 0],
        lambda one: one[[0]],
        lambda one: torch.equal(one, one),
        lambda one: torch.tensor([1.0], device=one.device),
    ],
)
def test_each_kind_of_wait_is_seen(wait):
    with Waits() as found:
        wait(torch.ones(1))
    assert sum(found.at.values()) == 1
