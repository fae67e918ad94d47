"""Plausible slips: each is answered in a sentence that names what was given and what to write instead."""

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import BadExtension, BadIntervention, BadMetric, BadTask, NotComparable, UnknownSite, UnknownUnit


@pytest.fixture(scope="module")
def at_hand(ioi, model, shared_session):
    with cc.use_session(shared_session):
        direction = cc.mean_difference(ioi, model, at="IO", minus="S1")
    return SimpleNamespace(ioi=ioi, model=model, q=ioi.logit_diff(model), d=direction)


def pool_of(words):
    return cc.Task.define("x", templates={"a": "{A} met {B} and"}, pools={"n": words}, draw={"A": "n", "B": "n"}, answer="A")


def ones(logits, _prompts):
    return torch.ones(len(logits))


SLIPS = {
    "task and model swapped": (
        lambda a: cc.mean_difference(a.model, a.ioi, at="IO", minus="S1"),
        TypeError,
        ["the task comes first", "cc.mean_difference(task, model"],
    ),
    "no task": (lambda a: cc.mean_difference("ioi", a.model, at="IO", minus="S1"), TypeError, ["'ioi'", "cc.Task"]),
    "a head as a view": (lambda a: a.ioi.recovered("L0H1"), TypeError, ["'L0H1'", "model.ablate('L2H2'"]),
    "a task as a view": (lambda a: a.ioi.recovered(a.ioi), TypeError, ["<task ioi", "no model or view"]),
    "a spec as a view": (lambda a: a.ioi.logit_diff("organism"), TypeError, ["cc.load('organism')"]),
    "the inner model": (lambda a: a.ioi.logit_diff(a.model.inner), TypeError, ["no model or view", "cc.load(model)"]),
    "random like a model": (lambda a: cc.random_direction(a.model, seed=1), BadIntervention, ["a Model", "mean_difference"]),
    "random of a width": (lambda a: cc.random_direction(128, seed=1), BadIntervention, ["an int", "a direction"]),
    "seed in quotes": (
        lambda a: cc.random_direction(a.d, seed="1"),
        BadIntervention,
        ["seed='1'", "write 1 without quotes"],
    ),
    "scale in quotes": (lambda a: a.model.add(a.d, scale="2"), BadIntervention, ["scale='2'", "write 2 without quotes"]),
    "no scale": (lambda a: a.model.add(a.d, scale=float("nan")), BadIntervention, ["scale=nan", "finite"]),
    "n in quotes": (lambda a: a.q.estimate("32"), BadTask, ["n='32'", "write 32 without quotes"]),
    "n as a float": (lambda a: a.q.estimate(32.0), BadTask, ["n=32.0", "write 32"]),
    "n of 0": (lambda a: a.q.estimate(0), BadTask, ["n=0", "from 1"]),
    "n below 0": (lambda a: a.q.values(-5), BadTask, ["n=-5", "from 1"]),
    "n of prompts": (lambda a: a.ioi.prompts("3", model=a.model), BadTask, ["n='3'", "whole number"]),
    "seed of prompts": (lambda a: a.ioi.prompts(3, model=a.model, seed="1"), BadTask, ["seed='1'"]),
    "more than there are": (lambda a: a.ioi.prompts(10**12, model=a.model), BadTask, ["not 1,000,000,000,000"]),
    "margin in quotes": (lambda a: cc.approx(1, abs="0.1"), ValueError, ["abs='0.1'", "write 0.1 without quotes"]),
    "share in quotes": (
        lambda a: a.q.beats(cc.random_heads(like="L0H1"), share="0.95"),
        ValueError,
        ["share='0.95'", "between 0 and 1"],
    ),
    "draws in words": (lambda a: cc.random_heads(like="L0H1", draws="many"), BadIntervention, ["draws='many'"]),
    "mean over many": (lambda a: a.model.ablate("L0H1", kind="resample", n="many"), BadIntervention, ["n='many'"]),
    "above a text": (lambda a: a.q.above("5"), NotComparable, ["x='5'", "write 5 without quotes"]),
    "metric of a name": (lambda a: cc.metric("accuracy"), BadMetric, ["'accuracy'", "task.metric('accuracy', view)"]),
    "metric of a metric": (lambda a: cc.metric(cc.logit_diff()), BadMetric, ["LogitDiff()", "a function"]),
    "metric of a number": (lambda a: cc.metric(3), BadMetric, ["cc.metric got 3", "a function"]),
    "support misspelt": (lambda a: cc.metric(ones, support="Real"), BadMetric, ["support='Real'", "Did you mean 'real'?"]),
    "support of no kind": (lambda a: cc.metric(ones, support="bool"), BadMetric, ["support='bool'", "'binary'"]),
    "support backwards": (lambda a: cc.metric(ones, support=(1, 0)), BadMetric, ["support=(1, 0)", "low < high"]),
    "support of one end": (lambda a: cc.metric(ones, support=(0,)), BadMetric, ["support=(0,)", "(low, high)"]),
    "support of words": (lambda a: cc.metric(ones, support=("a", "b")), BadMetric, ["(low, high)"]),
    "both with &": (lambda a: (a.q > 0) & (a.q < 9), NotComparable, ["cc.all_of", "cc.any_of"]),
    "one with |": (lambda a: (a.q > 0) | (a.q < 9), NotComparable, ["cc.all_of", "cc.any_of"]),
    "not with ~": (lambda a: ~(a.q > 0), NotComparable, ["`not (a > 0)`"]),
    "pytest's approx": (
        lambda a: a.q == pytest.approx(1, abs=0.1),
        NotComparable,
        ["pytest.approx(1)", "cc.approx(1, abs="],
    ),
    "a number by a quantity": (lambda a: 2 / a.q, NotComparable, ["not supported", "q < 4"]),
    "a ratio of ratios": (lambda a: (a.q / a.q) / (a.q / a.q), NotComparable, ["not supported", "ratio of two means"]),
    "a filter of other prompts": (
        lambda a: a.ioi.where(a.q > -99, prompts=8).where(a.q > -99),
        NotComparable,
        ["other prompts", "t.where(t.accuracy(model) > 0.5)"],
    ),
    "a model as a source": (lambda a: a.model.patch("L0H1", source=a.model), BadIntervention, ["source=<model", "'abc'"]),
    "a model as a base": (lambda a: a.model.on(a.model), BadIntervention, ["base=<model", "'abc'"]),
    "an unknown counterfactual": (lambda a: a.ioi.logit_diff(a.model.on("abd")), cc.UnknownCounterfactual, ["mean 'abc'"]),
    "a site without its layer": (lambda a: a.model.patch("resid_post"), UnknownSite, ["'L2.resid_post'"]),
    "a layer misspelt": (lambda a: a.model.ablate("L1.mpl", kind="mean"), UnknownSite, ["Did you mean 'L1.mlp'?"]),
    "a site misspelt": (lambda a: a.model.patch("L1.resid_psot"), UnknownSite, ["Did you mean 'L1.resid_post'?"]),
    "a hook": (lambda a: a.model.patch("blocks.1.hook_resid_post"), UnknownSite, ["Did you mean 'L1.resid_post'?"]),
    "a head the other way round": (lambda a: a.model.patch("H2L1"), UnknownSite, ["Did you mean 'L1H2'?"]),
    "a head of another paper": (lambda a: a.model.ablate("a1.h2", kind="zero"), UnknownSite, ["Did you mean 'L1H2'?"]),
    "a layer alone": (lambda a: a.model.ablate("L0-1", kind="zero"), UnknownSite, ["'L0-1.attn', 'L0-1.mlp'"]),
    "a query": (lambda a: a.model.patch("L1H2.query"), UnknownSite, ["Did you mean 'L1H2.q'?"]),
    "a layer behind its site": (lambda a: a.model.patch("resid_post.1"), UnknownSite, ["Did you mean 'L1.resid_post'?"]),
    "a dose as coeff": (lambda a: a.model.add(a.d, coeff=2), TypeError, ["Did you mean 'scale'?"]),
    "half a hook": (lambda a: a.model.patch("L1.hook_resid_post"), UnknownSite, ["Did you mean 'L1.resid_post'?"]),
    "scores of a hook": (lambda a: a.model.patch("L1H1.attn_scores"), UnknownSite, ["Did you mean 'L1H1.scores'?"]),
    "heads of a hook": (lambda a: a.model.patch("blocks.1.attn.hook_z"), UnknownSite, ["'L1H0.z' (one head)", "'L1.z'"]),
    "neurons of a hook": (lambda a: a.model.patch("blocks.1.mlp.hook_post"), UnknownSite, ["'L1.mlp[0]' (one neuron)"]),
    "a direction at a site": (
        lambda a: cc.mean_difference(a.ioi, a.model, "L1.resid_post", at="IO", minus="S1"),
        BadIntervention,
        ["Write 'resid_post' and layers='L1'"],
    ),
    "a comma in brackets": (lambda a: a.model.patch("L1.mlp[1,2]"), UnknownUnit, ["'L1.mlp[1], L1.mlp[2]'", "L1.mlp[1-2]"]),
    "a pair as a head": (lambda a: a.model.patch((1, 1)), UnknownUnit, ["(1, 1)", "Did you mean 'L1H1'?"]),
    "pairs as heads": (lambda a: a.model.patch([(1, 1), (0, 1)]), UnknownUnit, ["(1, 1)", "Did you mean 'L1H1'?"]),
    "a place without units": (lambda a: cc.circuit({"END": []}), UnknownUnit, ["no units at END"]),
    "a metric as a method": (lambda a: a.ioi.probability(a.model), AttributeError, ["task.metric('probability', view)"]),
    "a method misspelt": (lambda a: a.ioi.logitdiff(a.model), AttributeError, ["Did you mean 'logit_diff'?"]),
    "a method of TransformerLens": (lambda a: a.model.run_with_cache("x"), AttributeError, ["model.cache(prompts, sites)"]),
    "a metric of other tools": (
        lambda a: a.ioi.kl_divergence(a.model),
        AttributeError,
        ["metric('kl_from_clean', view)"],
    ),
    "its name": (lambda a: a.ioi.metric("prob", a.model), BadMetric, ["Did you mean 'probability'?"]),
    "a metric of cc": (lambda a: cc.kl_div(), AttributeError, ["cc.kl_from_clean()"]),
    "a sweep of cc": (lambda a: cc.sweep(a.ioi), AttributeError, ["task.sweep(function, cc.axis(...))"]),
    "a view of other tools": (lambda a: a.model.path_patch("L0H1"), AttributeError, ["model.patch_path(senders"]),
    "no kind": (
        lambda a: a.model.ablate("L1H1"),
        TypeError,
        ['ablate() needs kind="zero", "mean", '],
    ),
    "two arguments missing": (lambda a: a.model.knock_out_attention("L1H1"), TypeError, ["needs query= and key=."]),
    "draws as n": (lambda a: cc.random_heads(like="L1H1", n=5), TypeError, ["Did you mean 'draws'?"]),
    "a quantity as a float": (lambda a: float(a.q), NotComparable, ["`assert quantity < 0.8`", "`.estimate(n)`"]),
    "abs of a quantity": (lambda a: abs(a.q), NotComparable, ["cc.approx(0, abs=0.1)"]),
    "a rounded quantity": (lambda a: round(a.q, 2), NotComparable, ["cc.approx(0.5, abs=0.05)"]),
    "an interval of a look": (lambda a: a.q.estimate(32).ci, AttributeError, [".low and .high"]),
    "a quantity with digits": (lambda a: f"{a.q:.2f}", NotComparable, ["`.estimate(n).value`"]),
    "a square": (lambda a: a.q**2, NotComparable, ["sums, multiples and one ratio", "cc.metric(function"]),
    "folding as TransformerLens says it": (lambda a: cc.load("gpt2", fold_ln=True), TypeError, ["'gpt2+folded'"]),
    "a suffix cut short": (lambda a: cc.load("organism+fold"), cc.BadSpec, ["no +fold", "'organism+folded'"]),
    "models as one": (lambda a: cc.claim("x", id="y", model=["organism", "a"]), ValueError, ["models=[...]"]),
    "another counterfactual": (
        lambda a: a.ioi.recovered(a.model.patch("L1H1", source="swap")),
        BadIntervention,
        ["against='swap'"],
    ),
    "a look compared": (lambda a: a.q.estimate(32) > 0.5, NotComparable, ["`quantity > 0.5`", "`.value`"]),
    "a mean of a quantity": (lambda a: a.q.mean(), AttributeError, [".estimate(n)"]),
    "a name of ours misspelt": (lambda a: cc.taks, AttributeError, ["Did you mean 'tasks'?"]),
    "a task misspelt": (lambda a: cc.tasks.IOI(), AttributeError, ["syllogism", "Did you mean 'ioi'?"]),
    "an argument misspelt": (lambda a: cc.Task.define("x", template={}), TypeError, ["Did you mean 'templates'?"]),
    "an argument of other tools": (
        lambda a: a.model.ablate("L0H1", kind="zero", position="END"),
        TypeError,
        ["'position'", "Did you mean 'at'?"],
    ),
    "a claim's argument misspelt": (
        lambda a: cc.claim("x", id="y", sample=9),
        TypeError,
        ["claim() has", "mean 'samples'?"],
    ),
    "a claim's number as its id": (lambda a: cc.claim("x", id=5), ValueError, ["5 is no claim id", "letters, digits"]),
    "samples in quotes": (lambda a: cc.claim("x", id="y", samples="64"), ValueError, ["samples='64'", "whole number"]),
    "samples that are true": (lambda a: cc.claim("x", id="y", samples=True), ValueError, ["samples=True", "whole number"]),
    "a confidence in quotes": (lambda a: cc.claim("x", id="y", confidence="x"), ValueError, ["confidence='x'", "0.95"]),
    "a query misspelt": (lambda a: cc.attention("L1H1", qery="END", key="S1"), TypeError, ["Did you mean 'query'?"]),
    "a norm at a position": (lambda a: cc.norm("L1.mlp", position="END"), TypeError, ["Did you mean 'at'?"]),
    "an activation at a position": (lambda a: cc.activation("L1.mlp[0]", pos="END"), TypeError, ["Did you mean 'at'?"]),
    "a log-probability of": (lambda a: cc.log_prob(off="answer"), TypeError, ["Did you mean 'of'?"]),
    "a head beyond all numbers": (lambda a: a.model.patch(f"L{'9' * 9999}H1"), UnknownSite, ["Expected", "L8H2"]),
    "a site beyond all numbers": (lambda a: a.model.patch(f"L{'9' * 9999}.q"), UnknownSite, ["Expected"]),
    "a place beyond all numbers": (lambda a: a.model.patch("L1H1", at=f"S1+{'9' * 9999}"), cc.UnknownPosition, ["NAME+1"]),
    "a pool without end": (lambda a: pool_of(map(str, itertools.count())), BadTask, ["'n'", "more than 100,000 words"]),
    "a pool of numbers without end": (lambda a: pool_of(itertools.count()), BadTask, ["pool 'n' holds 0"]),
    "settings as a session": (lambda a: cc.use_session(cc.Settings()).__enter__(), TypeError, ["cc.Session(settings)"]),
    "prompts as a set": (lambda a: a.model.logits({"a b", "c d"}), BadTask, ["a set", "give a list"]),
    "cases as a set": (lambda a: a.q.on_cases(set()), BadTask, ["a set", "give a list"]),
    "rows as a list": (
        lambda a: cc.Task.from_records([{"text": "a"}] * 99),
        cc.BadRecord,
        [".jsonl", "one object per line"],
    ),
    "a claim of no model": (lambda a: cc.claim("x", id="y", models=[]), ValueError, ["models=[] names no model"]),
    "an integer dtype": (lambda a: cc.load("organism", dtype=torch.int8), cc.UnknownDevice, ["'int8'", "float64"]),
}


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.sampled(14)
def test_a_slip_is_answered_with_what_to_write(at_hand, shared_session, slip):
    made, kind, words = SLIPS[slip]
    with cc.use_session(shared_session), pytest.raises(kind) as raised:
        made(at_hand)
    said = str(raised.value)
    assert [each for each in words if each not in said] == [], said
    assert len(said) < 700, "the thing that was given fills pages"
    assert re.search(r"\.\.(?!\.)(?<!\.\.\.)", said) is None


@pytest.mark.parametrize("two", [2, 2.0, np.float32(2), np.int64(2), torch.tensor(2.0), np.array(2)])
def test_a_number_of_another_library_is_a_number(at_hand, two):
    assert at_hand.model.add(at_hand.d, scale=two).digest == at_hand.model.add(at_hand.d, scale=2.0).digest
    assert at_hand.q.above(two).digest == at_hand.q.above(2.0).digest
    assert repr(cc.approx(two, abs=two)) == repr(cc.approx(2.0, abs=2.0))


@pytest.mark.parametrize("support", ["Real", (1, 0), (0,), None])
def test_a_registered_metric_declares_a_support_that_exists(support):
    with pytest.raises(BadExtension, match="support="):
        cc.ext.register_metric("slip", cc.ext.Custom(ones, "slip", support))


def test_a_declared_support_is_known(at_hand, shared_session):
    with cc.use_session(shared_session):
        known = (at_hand.ioi.metric(cc.metric(ones, support=(0, 2)), at_hand.model) > 0.5).decide().warnings
        unknown = (at_hand.ioi.metric(cc.metric(ones), at_hand.model) > 0.5).decide().warnings
    assert not any("nothing is known" in each for each in known)
    assert any("nothing is known" in each for each in unknown)


def test_a_metric_without_a_number_leaves_no_gap_in_what_is_shown(at_hand, shared_session):
    with cc.use_session(shared_session):
        shown = repr(at_hand.ioi.metric(cc.metric(lambda logits, _: logits[:, 0] * torch.nan), at_hand.model).estimate(2))
    assert ",  |" not in shown
    assert "no finite number" in shown


def test_a_filtered_task_stands_in_brackets_where_it_is_asked(at_hand, shared_session):
    with cc.use_session(shared_session):
        filtered = at_hand.ioi.where(at_hand.q > -99, prompts=8)
        assert filtered.logit_diff(at_hand.model).label.startswith("(ioi where ioi.logit_diff(model) > -99).logit_diff(")


def test_what_has_no_order_means_the_same_as_a_list(model):
    view = model.ablate({"L0H1", "L0H0"}, kind="zero", at={"S1", "END", "IO"})
    assert view.digest == model.ablate("L0H0, L0H1", kind="zero", at=["END", "IO", "S1"]).digest
