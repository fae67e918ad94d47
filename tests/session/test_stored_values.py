"""What was measured is not measured again by a later process, and nothing else is taken for it."""

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from loaded_once import models_loaded_once
from told import Told

import circuitcheck as cc
from circuitcheck.engine.registry import READOUTS, register_readout
from circuitcheck.errors import VacuousIntervention
from circuitcheck.plan import MetricBase


@pytest.fixture(autouse=True)
def loaded_once():
    """Sessions find the weights that others have loaded; whether they look for them is seen all the same."""
    with models_loaded_once():
        yield


def effect(model, task=None):
    task = task or cc.tasks.ioi().on_stream("test")
    return task.recovered(model.ablate("L0H1", kind="mean", at="END", n=32))


def test_a_later_session_measures_nothing_and_has_the_same_bits(another, tiny_gpt2):
    with another() as first:
        result = (effect(cc.load(str(tiny_gpt2))) < 100).decide()
        assert first.forward_passes > 0
    with another() as session:
        again = (effect(cc.load(str(tiny_gpt2))) < 100).decide()
    assert (session.engine.runs, session.engine.loads, session.engine.weights, session.forward_passes) == ([], [], 0, 0)
    assert again.measured.values.tobytes() == result.measured.values.tobytes()
    assert (again.receipts, again.measured.prompts) == (result.receipts, result.measured.prompts)
    assert again.decision == result.decision
    assert again.describe() == result.describe()


def test_it_says_how_much_came_from_the_store(another, tiny_gpt2):
    with another() as first:
        effect(cc.load(str(tiny_gpt2))).values(32)
    assert [(each.values, each.of) for each in first.reused] == [(0, 96)]
    with another() as session:
        effect(cc.load(str(tiny_gpt2))).values(40)
    together = session.reused[0].together(session.reused)
    assert (together.values, together.of) == (96, 120)
    assert together.since == together.until
    assert len(together.since) == len("2026-07-31")


def test_what_lacks_is_measured_and_nothing_else(another, tiny_gpt2):
    with another():
        few = effect(cc.load(str(tiny_gpt2))).values(20)
    with another() as session:
        task = cc.tasks.ioi().on_stream("test")
        model = cc.load(str(tiny_gpt2))
        more = effect(model).values(50)
        task.logit_diff(model.ablate("L1H1", kind="zero")).values(50)
    assert [(rows, len(plan.cells)) for rows, plan in session.engine.runs] == [(range(20, 50), 3), (range(50), 1)]
    np.testing.assert_array_equal(more["numerator"][:20], few["numerator"])


def test_a_noise_floor_is_not_found_from_values_that_were_kept_of_an_untouched_run_in_smaller_batches(another, tiny_gpt2):
    task = cc.tasks.ioi().on_stream("test")
    with another(batch=16):
        task.logit_diff(cc.load(str(tiny_gpt2))).values(32)
    with another(batch=32) as session:
        (task.logit_diff(cc.load(str(tiny_gpt2))) < 100).decide()
    assert [(rows, plan.rerun) for rows, plan in session.engine.runs] == [
        (range(32), False),
        (range(16), True),
        (range(16, 32), True),
    ]


def test_a_vacuous_intervention_stays_one(another, tiny_gpt2):
    for runs in (1, 0):
        with another() as session:
            twice = cc.load(str(tiny_gpt2)).ablate("L0H1", kind="zero").ablate("L0H1", kind="zero")
            with pytest.raises(VacuousIntervention, match="changed none of 32 prompts"):
                cc.tasks.ioi().on_stream("test").logit_diff(twice).values(32)
            assert len(session.engine.runs) == runs


QUESTIONS = {
    "composite": lambda effect: cc.any_of(effect > 0, effect < -1),
    "control": lambda effect: effect.beats(cc.random_heads(like="L1H2"), share=0.5, prompts=40),
    "universal": lambda effect: cc.forall(effect > -100, prompts=40),
    "refuted for all": lambda effect: cc.forall(effect > 100, prompts=40),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.sampled(1)
def test_every_kind_of_question_is_answered_from_the_store(another, tiny_gpt2, ask):
    said = []
    for _ in range(2):
        with another() as session:
            model, ioi = cc.load(str(tiny_gpt2)), cc.tasks.ioi().on_stream("test")
            said.append(ask(ioi.logit_diff(model) - ioi.logit_diff(model.ablate("L1H2", kind="zero"))).decide().describe())
    assert said[0] == said[1]
    assert (session.engine.runs, session.engine.weights) == ([], 0)


def runs(another, tiny_gpt2, **settings):
    """How often an engine runs until it has 8 values."""
    with another(**settings) as session:
        cc.tasks.ioi().on_stream("test").logit_diff(cc.load(str(tiny_gpt2))).values(8)
        return len(session.engine.runs)


def test_another_setting_is_measured(another, tiny_gpt2):
    for settings in ({}, {"seed": 1}, {"dtype": "float64"}, {"batch": 16}):
        assert [runs(another, tiny_gpt2, **settings) for _ in range(2)] == [1, 0], settings


def test_another_version_or_machine_or_engine_is_measured(another, tiny_gpt2, monkeypatch):
    usual = Told.numerics
    assert [runs(another, tiny_gpt2) for _ in range(2)] == [1, 0]
    for name in ("torch", "transformers", "circuitcheck", "code", "hardware", "tf32", "sites"):
        assert name in usual(Told(cc.Settings()), "cpu")
        with monkeypatch.context() as patches:
            patches.setattr(Told, "numerics", lambda self, device, name=name: {**usual(self, device), name: "another"})
            assert [runs(another, tiny_gpt2) for _ in range(2)] == [1, 0], name
    with another() as session:
        session.settings = replace(session.settings, engine="mine")  # what extensions registered under that name
        cc.tasks.ioi().on_stream("test").logit_diff(cc.load(str(tiny_gpt2))).values(8)
        assert len(session.engine.runs) == 1


def test_a_task_whose_template_changed_is_measured(another, tiny_gpt2):
    measured, ioi = [], cc.tasks.ioi().on_stream("test")
    one, *others = ioi.definition.templates
    reworded = replace(one, text=one.text.replace("went", "walked"))
    assert reworded != one
    for first in (one, one, reworded):
        task = replace(ioi, definition=replace(ioi.definition, templates=(first, *others)))
        with another() as session:
            task.logit_diff(cc.load(str(tiny_gpt2))).values(8)
            measured.append(len(session.engine.runs))
    assert measured == [1, 0, 1]


# What is not kept


def kept(session):
    """Entries of values."""
    return session.store.database.ask("SELECT COUNT(*) FROM entries WHERE kind = 'values'")[0][0]


def test_a_function_of_this_process_is_not_kept(another, tiny_gpt2):
    values = []
    for add in (0, 1):
        with another() as session:
            metric = cc.metric(lambda logits, prompts, add=add: [add + len(each.text) for each in prompts], name="length")
            values.append(cc.tasks.ioi().on_stream("test").metric(metric, cc.load(str(tiny_gpt2))).values(8))
            assert (len(session.engine.runs), kept(session)) == (1, 0)
    np.testing.assert_array_equal(values[1], values[0] + 1)


@pytest.mark.slow
def test_digests_of_functions_mean_nothing_to_another_process():
    """So also what is chosen by them, or made of them, is never taken for another process's."""
    asked = "import circuitcheck as cc; from circuitcheck.prompts.corpora.predicates import Chosen\n"
    asked += "print(cc.metric(len, name='n').digest.split(':')[:2], Chosen(len).digest_parts)"
    said = [subprocess.check_output([sys.executable, "-c", asked], text=True) for _ in range(2)]
    assert "local" in said[0]
    assert said[0] != said[1]


@dataclass(frozen=True)
class Margin(MetricBase):
    name: ClassVar[str] = "margin"
    tokens: ClassVar[str] = "all"
    support: ClassVar[str] = "real"


def test_what_types_of_users_do_is_not_kept(another, tiny_gpt2, monkeypatch):
    """Their digests hold the name of a class, and the code may be another tomorrow."""
    monkeypatch.setattr(READOUTS, "_functions", dict(READOUTS._functions))
    register_readout(Margin)(lambda metric, seen: seen.logits[:, 0])
    with another() as session:
        cc.tasks.ioi().on_stream("test").metric(Margin(), cc.load(str(tiny_gpt2))).values(8)
        assert (len(session.engine.runs), kept(session)) == (1, 0)


def test_a_corpus_whose_rows_a_function_chose_is_not_kept(another, tiny_gpt2, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("\n\n".join(f"Then {number} people went to the store and gave it a name." for number in range(60)))
    for where, entries in ((lambda token: token.index > 3, 0), ("store", 1)):
        with another() as session:
            corpus = cc.corpus(file, where=where, context=16).on_stream("test")
            corpus.log_prob(cc.load(str(tiny_gpt2))).values(4)
            assert kept(session) == entries


def test_model_objects_are_not_kept(another, tiny_gpt2):
    with another():
        bridge = cc.load(str(tiny_gpt2)).inner
    with another() as session:
        cc.tasks.ioi().on_stream("test").logit_diff(cc.load(bridge)).values(8)
        assert kept(session) == 0


class Silent(Told):
    """Made of an engine that can be repeated, and says nothing of its own."""


class Around:
    def __init__(self, settings):
        self._inner = Told(settings)

    def __getattr__(self, name):
        return getattr(self._inner, name)


@pytest.mark.parametrize("engine", [Silent, Around])
def test_an_engine_that_does_not_say_so_itself_is_not_kept(another, tiny_gpt2, engine):
    for _ in range(2):
        with another(engine=engine) as session:
            cc.tasks.ioi().on_stream("test").logit_diff(cc.load(str(tiny_gpt2))).values(8)
            assert (len(session.engine.runs), kept(session)) == (1, 0)


def test_prompts_that_were_chosen_otherwise_are_others(another, tiny_gpt2):
    """The digest of a filtered task says how it was filtered, not what was left: that may differ by rounding."""
    with another():
        ioi, model = cc.tasks.ioi().on_stream("test"), cc.load(str(tiny_gpt2))
        chosen = ioi.where(ioi.logit_diff(model) > 0, prompts=40)
        (mask,) = chosen.definition.masks
        other = replace(chosen, definition=replace(chosen.definition, masks=(replace(mask, kept=mask.kept[1:]),)))
        assert chosen.definition.digest == other.definition.digest
        first = chosen.logit_diff(model).values(8)
    with another():
        found = other.logit_diff(cc.load(str(tiny_gpt2))).values(8)
    np.testing.assert_allclose(found[:7], first[1:], rtol=0, atol=1e-5)  # in other company


def test_off_writes_nothing(another, tiny_gpt2, tmp_path):
    with another(store="off") as session:
        effect(cc.load(str(tiny_gpt2))).values(8)
        assert session.store is None
    assert not (tmp_path / "values").exists()


def test_without_a_plugin_it_is_off():
    assert cc.Session().store is None


def test_a_store_that_fails_costs_nothing_but_time(another, tiny_gpt2, tmp_path):
    (tmp_path / "values").write_text("in the way")
    with another() as session:
        effect(cc.load(str(tiny_gpt2))).values(8)
        assert len(session.engine.runs) == 1
        (notice,) = session.store.notices
    assert "this run goes on without it" in notice
