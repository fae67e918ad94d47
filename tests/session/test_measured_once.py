"""A session measures nothing twice, and refuses what cannot be paired."""

import shutil

import numpy as np
import pytest
from tiny import ioi_words, save_tokenizer

import circuitcheck as cc
from circuitcheck.digest import digest
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.errors import NotComparable, VacuousIntervention


class Counting:
    """An engine that keeps what it was asked."""

    def __init__(self, settings):
        self._inner, self.runs = LocalEngine(settings.device), []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def run(self, plan, rows):
        self.runs.append((rows, plan))
        return self._inner.run(plan, rows)

    @property
    def rows(self):
        return [rows for rows, _ in self.runs]


@pytest.fixture
def session():
    with cc.use_session(cc.Session(make_engine=Counting)) as current:
        yield current


@pytest.fixture
def model(session, tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture
def ioi():
    return cc.tasks.ioi().on_stream("test")


def test_declaring_measures_nothing(session, model, ioi):
    repr(ioi.recovered(model.ablate("L0H1", kind="mean", at="END")) < 0.8)
    assert session.engine.runs == []


def test_values_asked_again_are_not_measured_again(session, model, ioi):
    first = ioi.logit_diff(model).values(64)
    np.testing.assert_array_equal(cc.tasks.ioi().on_stream("test").logit_diff(model).values(64), first)
    assert session.engine.rows == [range(64)]


def out(model, head):
    return model.ablate(head, kind="zero", at="END")


def test_a_later_claim_starts_from_what_an_earlier_one_left(session, model, ioi):
    (ioi.recovered(out(model, "L1H1")) < 9).decide()
    before = session.work
    (ioi.recovered(out(model, "L1H2")) < 9).decide()
    added = session.work - before
    assert added.shortened >= 32
    assert added.whole == added.kept == 0


def test_the_noise_of_another_metric_is_found_from_the_same_passes(session, model, ioi):
    where = ioi.logit_diff(model).prompts
    session.find_noise(where, model.ref, (cc.accuracy(),))
    before = session.work
    session.find_noise(where, model.ref, (cc.logit_diff(),))
    added = session.work - before
    assert added.shortened == 2 * 32
    assert added.whole == added.kept == 0


@pytest.mark.parametrize("metric, ran", [("logit_diff", (32, 0, 0)), ("log_prob", (0, 32, 0))])
def test_a_claim_starts_from_what_a_look_at_the_model_left_where_it_reads_the_same(session, model, ioi, metric, ran):
    ioi.logit_diff(model).values(32)
    before = session.work
    (ioi.logit_diff(model) - ioi.metric(metric, out(model, "L1H2"))).values(32)
    added = session.work - before
    assert (added.shortened, added.whole, added.kept) == ran


def test_without_room_for_what_passes_start_from_they_are_whole(session, model, ioi):
    session.engine._recordings.budget = 100_000  # of some 32 prompts
    (ioi.logit_diff(model) - ioi.logit_diff(out(model, "L1H1"))).values(192)
    before = session.work
    (ioi.logit_diff(model) - ioi.logit_diff(out(model, "L1H2"))).values(192)
    added = session.work - before
    assert added.kept == 0
    assert added.done <= added.needed


def looks(ioi, model):
    clean, abc = ioi.logit_diff(model), ioi.logit_diff(model.on("abc"))
    views = [ioi.logit_diff(out(model, head)) for head in ("L1H1", "L1H2", "L0H3")]
    return {
        "the untouched runs": [clean, abc],
        "another question with one of its views": [views[2] - views[1]],
        "with another that it does not have": [views[2] - clean],
    }, {"recovered": ioi.recovered(out(model, "L1H1")), "two views": views[0] - views[1]}


@pytest.mark.parametrize("asked", ["recovered", "two views"])
@pytest.mark.parametrize(
    "before",
    ["the untouched runs", "another question with one of its views", "with another that it does not have"],
)
def test_what_was_measured_before_changes_no_bit(session, model, ioi, tiny_gpt2, asked, before):
    alone = looks(ioi, model)[1][asked].values(48)
    with cc.use_session(cc.Session(make_engine=Counting)):
        earlier, questions = looks(ioi, cc.load(str(tiny_gpt2)))
        for each in earlier[before]:
            each.values(48)
        np.testing.assert_array_equal(questions[asked].values(48), alone)


def test_more_prompts_are_added_to_those_there_are(session, model, ioi):
    quantity = ioi.logit_diff(model)
    few, more = quantity.values(10), quantity.values(70)
    assert session.engine.rows == [range(10), range(10, 70)]
    np.testing.assert_array_equal(more[:10], few)
    quantity.values(60)
    assert len(session.engine.runs) == 2


def test_what_some_cells_lack_is_measured_for_them_alone(session, model, ioi):
    ioi.logit_diff(model).values(20)
    both = ioi.logit_diff(model) - ioi.logit_diff(model.ablate("L0H1", kind="zero"))
    found = both.values(30)
    assert [(rows, len(plan.cells)) for rows, plan in session.engine.runs[1:]] == [(range(20), 1), (range(20, 30), 2)]
    with cc.use_session(cc.Session()):
        np.testing.assert_allclose(both.values(30), found, rtol=0, atol=1e-5)


def test_the_clean_run_is_shared_between_quantities(session, model, ioi):
    ioi.recovered(model.ablate("L0H1", kind="zero")).values(32)
    passes = session.forward_passes
    ioi.recovered(model.ablate("L0H2", kind="zero")).values(32)
    (_, plan) = session.engine.runs[-1]
    assert len(plan.cells) == 1
    assert session.forward_passes - passes == 32


def test_cells_that_are_lacking_are_measured_in_one_plan(session, model, ioi):
    ioi.recovered(model.ablate("L0H1", kind="zero")).values(32)
    assert [len(plan.cells) for _, plan in session.engine.runs] == [3]


def test_the_reference_stream_is_run_once(session, model, ioi):
    ioi.logit_diff(model.ablate("L0H1", kind="mean", n=64)).values(32)
    assert session.forward_passes == 32 + 64
    ioi.logit_diff(model.ablate("L2H1", kind="mean", n=64)).values(32)
    assert session.forward_passes == 32 + 64 + 32


def test_a_comparison_asked_again_measures_nothing(session, model, ioi):
    comparison = ioi.logit_diff(model) < 100
    assert comparison
    runs = len(session.engine.runs)
    assert comparison
    comparison.decide()
    assert len(session.engine.runs) == runs == 3  # the prompts, and each half of them once more for the noise floor


def test_other_streams_and_seeds_are_other_values(session, model, ioi):
    assert (ioi.logit_diff(model).values(32) != ioi.on_stream("discovery").logit_diff(model).values(32)).any()
    assert len(session.engine.runs) == 2


def test_two_sessions_share_nothing(session, model, ioi, tiny_gpt2):
    ioi.logit_diff(model).values(32)
    with cc.use_session(cc.Session(make_engine=Counting)) as other:
        ioi.logit_diff(cc.load(str(tiny_gpt2))).values(32)
        assert len(other.engine.runs) == 1
    assert cc.current_session() is session


def test_models_of_one_tokenizer_are_paired(model, ioi, tiny_llama):
    other = cc.load(str(tiny_llama))
    difference = (ioi.logit_diff(other) - ioi.logit_diff(model)).values(32)
    np.testing.assert_array_equal(difference, ioi.logit_diff(other).values(32) - ioi.logit_diff(model).values(32))


@pytest.mark.slow
def test_models_whose_tokenizers_make_the_same_prompts_are_paired_too(model, ioi, tiny_llama):
    other = cc.load(str(tiny_llama), bos="always")
    difference = (ioi.logit_diff(other) - ioi.logit_diff(model)).values(32)
    np.testing.assert_array_equal(difference, ioi.logit_diff(other).values(32) - ioi.logit_diff(model).values(32))


@pytest.fixture
def smaller_vocabulary(tiny_llama, tmp_path):
    """The same model, under a tokenizer that splits a fifth of the words of IOI."""
    folder = shutil.copytree(tiny_llama, tmp_path / "llama")
    save_tokenizer(folder, tuple(word for number, word in enumerate(ioi_words()) if number % 5))
    return cc.load(str(folder))


def test_models_whose_tokenizers_leave_other_prompts_are_not(model, ioi, smaller_vocabulary):
    with pytest.raises(NotComparable, match=r"(?s)llama.*tokenize differently.*for_models"):
        (ioi.logit_diff(model) - ioi.logit_diff(smaller_vocabulary)).values(32)


def test_for_models_makes_them_comparable(model, ioi, smaller_vocabulary):
    shared = ioi.for_models(model, smaller_vocabulary)
    mine, theirs = (shared.prompts(32, model=each) for each in (model, smaller_vocabulary))
    assert [prompt.text for prompt in mine] == [prompt.text for prompt in theirs]
    difference = (shared.logit_diff(smaller_vocabulary) - shared.logit_diff(model)).values(32)
    expected = shared.logit_diff(smaller_vocabulary).values(32) - shared.logit_diff(model).values(32)
    np.testing.assert_array_equal(difference, expected)


def test_a_vacuous_intervention_is_an_error_each_time_it_is_asked(model, ioi):
    twice = model.ablate("L0H1", kind="zero").ablate("L0H1", kind="zero")
    for _ in range(2):
        with pytest.raises(VacuousIntervention):
            ioi.logit_diff(twice).values(32)
        with pytest.raises(VacuousIntervention):
            bool(ioi.logit_diff(twice) < 100)


def test_progress_is_told_as_prompts_come_in(session, model, ioi):
    told = []
    session.progress = told.append
    ioi.logit_diff(model).values(300)
    assert told == ["128 prompts", "256 prompts", "300 prompts", "300 prompts"]
    assert session.engine.rows == [range(128), range(128, 256), range(256, 300)]


def test_the_settings_seed_chooses_the_prompts(tiny_gpt2, ioi):
    texts = []
    for seed in (0, 1):
        with cc.use_session(cc.Session(cc.Settings(seed=seed))):
            texts.append(tuple(ioi.logit_diff(cc.load(str(tiny_gpt2))).values(32)))
    assert texts[0] != texts[1]


def test_a_session_without_a_question_has_no_engine():
    def no_engine(_settings):
        raise AssertionError("nothing was asked, and an engine was made")

    with cc.use_session(cc.Session(make_engine=no_engine)):
        cc.tasks.ioi()


QUESTIONS = {
    "comparison": lambda effect: effect > 0,
    "composite": lambda effect: cc.any_of(effect > 0, effect < -1),
    "control": lambda effect: effect.beats(cc.random_heads(like="L1H2"), share=0.5, prompts=40),
    "universal": lambda effect: cc.forall(effect > -100, prompts=40),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.sampled(1)
def test_every_result_keeps_what_it_rests_on(session, model, ioi, ask):
    effect = ioi.logit_diff(model) - ioi.logit_diff(model.ablate("L1H2", kind="zero"))
    result = ask(effect).decide()
    runs = len(session.engine.runs)
    for part in (*result.parts, result)[: max(1, len(result.parts))]:
        held, n = part.measured, part.decision.n
        assert (held.rows, held.values.shape) == (range(n), (2, n))
        assert [cell.digest for cell in held.cells] == [cell.digest for cell in effect.cells]
        assert held.values[0] - held.values[1] == pytest.approx(effect.values(n))
        assert held.prompts == tuple(digest(prompt.tokens) for prompt in ioi.prompts(n, model=model))
    (receipt,) = result.receipts
    assert receipt.prompts == result.decision.n
    assert len(session.engine.runs) == runs
