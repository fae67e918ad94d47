"""Prompts of many lengths are run side by side, and have the values that they have when they are run apart.

How it could be fooled: prompts that are run apart all the same; a write, a mean or a metric that counts from the end of the
longest prompt; a model in which a prompt knows what follows it, found out on short prompts and forgotten on long ones."""

from dataclasses import dataclass
from typing import ClassVar
from weakref import WeakKeyDictionary

import pytest
import torch
from drawn_plans import metrics, views
from hypothesis import given, note
from hypothesis import strategies as st
from registries import put_back
from spies import joins_counted
from test_own_extensions import Silenced, SumOfSite, zero_at_the_last_token
from test_parity import DRAWN, OTHERS, QUICK, views_of
from two_ways import check_alike

import circuitcheck as cc
from circuitcheck.engine.torch.shortened import running_on
from circuitcheck.ext import MetricBase, register_kernel, register_readout

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ROWS = 24  # two of each length


@pytest.fixture
def compared(many, monkeypatch):
    """Measures pairs of a view and a metric both ways; how many prompts of one length there are, and how many are run
    together."""

    def run(two_ways, *measured, rows=ROWS):
        with joins_counted(monkeypatch) as joined:
            found = two_ways.compare(two_ways.plan(many, *measured), rows)
        assert not isinstance(found, Exception), found
        return joined

    return run


def metrics_of(words):
    last = words.model.architecture.n_layers - 1
    found = [cc.logit_diff(), cc.kl_from_clean(), cc.rank(), cc.norm(f"L{last}.resid_post", at="B")]
    if words.has("pattern"):
        found.append(cc.attention(f"L{last}H1", query="END", key="A"))
    return found


@pytest.mark.parametrize("name", [*DRAWN, *OTHERS])
@pytest.mark.sampled(2)
def test_each_kind_of_intervention_gives_the_same(words_of, many, compared, name):
    words = words_of(name, many)
    views = {"clean": words.model, "everywhere": words.model.ablate("L0H1, L1.mlp", kind="zero"), **views_of(words)}
    for kind, view in views.items():
        joined = compared(words.two_ways, *((view, metric) for metric in metrics_of(words)))
        if "path" in kind:  # which has passes of its own
            assert joined == []
        else:
            ((groups, together),) = joined
            assert max(groups) <= 3
            assert max(together) > 5, kind


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.sampled(1)
def test_a_drawn_view_gives_the_same(words_of, many, monkeypatch, name):
    words, joins, errors = words_of(name, many), [], []

    @QUICK
    @given(st.data())
    def same(data):
        view, metric = data.draw(views(words)), data.draw(metrics(words))
        plan = words.two_ways.plan(many, (view, metric), (view, cc.logit_diff()), (words.model, metric))
        note("; ".join(cell.describe() for cell in plan.cells))
        with joins_counted(monkeypatch) as joined:
            found = words.two_ways.compare(plan, ROWS)
        errors.extend([found] if isinstance(found, Exception) else [])
        joins.append(any(groups != together for groups, together in joined))

    same()
    assert any(joins)
    assert len(errors) < len(joins), errors


def test_a_mean_of_several_lengths_is_that_of_each_template(two_ways, compared):
    model = two_ways("gpt2").model
    view = model.ablate("L1H1, L2.mlp", kind="mean", at="A, END", n=256)
    ((_, together),) = compared(two_ways("gpt2"), (view, cc.logit_diff()))
    assert max(together) > 5


def test_one_of_many_views_begins_where_it_touches(two_ways, compared):
    model = two_ways("gpt2").model
    at_end = [(model.ablate(f"L2H{head}", kind="zero", at="END"), cc.logit_diff()) for head in range(4)]
    ((_, together),) = compared(two_ways("gpt2"), *at_end)
    assert max(together) > 5
    assert compared(two_ways("gpt2"), *at_end, (model.ablate("L1H0", kind="zero", at="END"), cc.logit_diff())) == []
    everywhere = [(model.ablate(f"L{layer}H{head}", kind="zero"), cc.logit_diff()) for layer in (1, 2) for head in range(4)]
    ((_, together),) = compared(two_ways("gpt2"), *everywhere)
    assert max(together) > 5


def test_few_lengths_are_run_apart(two_ways, task, monkeypatch):
    """As those of templates are: later claims begin at the tokens that they touch."""
    with joins_counted(monkeypatch) as joined:
        two_ways("gpt2").fast(two_ways("gpt2").plan(task, (two_ways("gpt2").model, cc.logit_diff())), 24)
    ((groups, together),) = joined
    assert groups == together
    assert len(groups) == 2


def test_answers_of_several_tokens_are_read_by_their_own_length(two_ways, compared):
    assert compared(two_ways("gpt2"), (two_ways("gpt2").model, cc.log_prob())) == []


@dataclass(frozen=True)
class Tokens(MetricBase):
    name: ClassVar[str] = "tokens of a run"
    tokens: ClassVar[str] = "all"
    support: ClassVar[str] = "real"


def test_what_users_wrote_meets_prompts_of_one_length(two_ways, compared):
    with put_back():
        register_kernel(Silenced)(zero_at_the_last_token)
        register_readout(Tokens)(lambda _, seen: torch.full((len(seen.prompts),), float(seen.batch.length)))
        register_readout(SumOfSite)(lambda _, seen: seen.sites["mlp_out", 2][:, -1].sum(dim=1))
        model = two_ways("gpt2").model
        assert compared(two_ways("gpt2"), (model.intervene(Silenced()), cc.logit_diff())) == []
        assert compared(two_ways("gpt2"), (model, SumOfSite())) == []
        assert compared(two_ways("gpt2"), (model, Tokens())) == []


@pytest.fixture
def said(monkeypatch):
    """The notices of a process that has met no model yet."""
    found = []
    monkeypatch.setattr(running_on, "_known", WeakKeyDictionary())
    monkeypatch.setattr(running_on, "say_once", found.append)
    return found


@pytest.fixture
def aware(two_ways, monkeypatch):
    """aware(length): a model whose first MLP hears of all tokens, in runs of so many or more."""

    def make(length):
        mlp = two_ways("gpt2").loaded.model.blocks[0].mlp
        honest = mlp.forward

        def forward(stream, *given, **how):
            found = honest(stream, *given, **how)
            return found + stream.mean(dim=1, keepdim=True) if stream.shape[1] >= length else found

        monkeypatch.setitem(vars(mlp), "forward", forward)
        return two_ways("gpt2")

    two_ways("gpt2").recordings.drop(lambda key: True)
    yield make
    two_ways("gpt2").recordings.drop(lambda key: True)


@pytest.fixture
def joined(many, monkeypatch):
    """The same of a model that was changed since it was loaded."""

    def run(two_ways):
        plan = two_ways.plan(many, (two_ways.model, cc.logit_diff()))
        with joins_counted(monkeypatch) as found:
            check_alike(two_ways.fast(plan, ROWS), two_ways.whole(plan, ROWS), plan)
        return found

    return run


def test_a_model_whose_prompts_know_what_follows_is_run_as_before(aware, joined, said):
    ((groups, together),) = joined(aware(0))
    assert groups == together
    (notice,) = set(said)
    assert "prompts of several lengths are not run side by side" in notice


@pytest.mark.parametrize("length", [17, 26])
def test_so_is_one_whose_long_prompts_do(aware, joined, said, length):
    """What two prompts of 19 and 22 tokens show says nothing of two with 25 and 28."""
    ((groups, together),) = joined(aware(length))
    assert len(groups) > len(together)
    assert len(set(said)) == 1


def test_a_model_that_cannot_run_on_is_run_as_before(two_ways, said):
    model = two_ways("gpt2").loaded.model
    assert not running_on.may_run_on(model, "a model", torch.zeros(1, 5, dtype=torch.long, device="meta"), 6, 64)
    assert len(said) == 1


def test_a_trial_that_memory_ran_out_in_is_no_trial(two_ways, monkeypatch, said):
    def out_of_memory(*given):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(running_on, "forward", out_of_memory)
    model, tokens = two_ways("gpt2").loaded.model, torch.zeros(1, 5, dtype=torch.long)
    with pytest.raises(torch.OutOfMemoryError):
        running_on.may_run_on(model, "a model", tokens, 6, 64)
    monkeypatch.undo()
    assert running_on.may_run_on(model, "a model", tokens, 6, 64)
    assert said == []
