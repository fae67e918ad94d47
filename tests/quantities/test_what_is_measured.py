"""A quantity is measured on what its name says: no stale values, no sample called exact, no filter where none was made."""

import json
import shutil

import numpy as np
import pytest
from tiny import ioi_words, save_tokenizer

import circuitcheck as cc
from circuitcheck.errors import BadMetric, BadTask, EmptyPool, NotComparable, UnknownPosition

NAMES = ("Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark")


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture
def ioi():
    return cc.tasks.ioi()


@pytest.fixture
def other_words(tiny_gpt2, tmp_path):
    """The same weights, under a tokenizer that splits a fifth of the words."""
    folder = shutil.copytree(tiny_gpt2, tmp_path / "other")
    save_tokenizer(folder, tuple(word for number, word in enumerate(ioi_words()) if number % 5))
    return cc.load(str(folder))


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_two_fields_of_a_file_are_two_corpora(tmp_path, model):
    file = write(
        tmp_path / "docs.jsonl", [{"text": f"the store and book {n}", "title": f"a park or ball {n}"} for n in range(20)]
    )
    texts, titles = (cc.corpus(file, field=field, context=32) for field in ("text", "title"))
    assert texts.definition.digest != titles.definition.digest
    assert not np.array_equal(texts.loss(model).values(4), titles.loss(model).values(4))


def test_two_separators_make_two_corpora(tmp_path):
    (tmp_path / "s.txt").write_text("one ### two\n\nthree ### four", encoding="utf-8")
    assert (
        cc.corpus(tmp_path / "s.txt").definition.digest != cc.corpus(tmp_path / "s.txt", separator="###").definition.digest
    )


def test_a_corpus_is_a_sample_however_few_its_rows_are(model):
    stories = cc.corpus("stories", per_document=1, documents=60, context=32)
    size = stories.definition.size(model.tokenizer, "test")
    found = stories.on_stream("test").loss(model).estimate(size)
    assert found.low < found.value < found.high
    assert cc.forall(stories.loss(model) < 1000).decide().decision.verdict == "inconclusive"


def test_a_mask_of_a_mask_says_both_and_is_no_more_complete_than_the_first(model, ioi):
    one = ioi.where(ioi.logit_diff(model) > 0, prompts=64)
    two = one.where(one.logit_diff(model) > -1000, prompts=64)
    result = (two.logit_diff(model) > -1000).decide()
    assert len([each for each in result.warnings if "prompts were chosen" in each]) == 2
    assert not cc.forall(two.logit_diff(model) > -1000, rate=1e-6).decide().decision.census


def test_means_are_never_taken_over_chosen_prompts(model, ioi):
    reference = ioi.on_stream("reference")
    with pytest.raises(BadTask, match="reference stream"):
        reference.where(reference.logit_diff(model) > 0)


def test_a_filter_of_one_stream_is_none_of_another(model, ioi):
    ioi = ioi.on_stream("test")
    chosen = ioi.where(ioi.logit_diff(model) > 0, prompts=64)
    with pytest.raises(BadTask, match="filtered on its test stream"):
        chosen.on_stream("discovery").logit_diff(model).values(3)
    with pytest.raises(BadTask, match="filtered on its test stream"):
        chosen.prompts(3, model=model, stream="discovery")


def test_a_filter_is_not_applied_to_other_prompts(model, ioi, other_words):
    chosen = ioi.where(ioi.logit_diff(model) > 0, prompts=64)
    with pytest.raises(NotComparable, match="other prompts"):
        chosen.logit_diff(other_words).values(3)


def test_models_that_share_no_item_share_no_task(tiny_gpt2, tmp_path):
    task = cc.Task.define(
        "seen", templates={"t": "When {A} saw {B} and"}, pools={"name": NAMES}, draw={"A": "name", "B": "name"}, answer="A"
    )
    models = []
    for number, words in enumerate((NAMES[:4], NAMES[4:])):
        folder = shutil.copytree(tiny_gpt2, tmp_path / str(number))
        save_tokenizer(folder, (*words, "When", "saw", "and"))
        models.append(cc.load(str(folder)))
    with pytest.raises(EmptyPool, match="fits all of"):
        task.for_models(*models)


def test_candidates_that_share_the_answers_first_token_are_refused(tmp_path, model):
    rows = [{"text": f"{name} went to", "answer": " qqx", "distractor": " qqy", "stream": "test"} for name in NAMES]
    task = cc.Task.from_records(write(tmp_path / "cities.jsonl", rows)).on_stream("test")
    with pytest.raises(BadMetric, match="first token"):
        task.metric(cc.candidate_accuracy(), model).values(4)


def test_nothing_is_written_after_the_token_that_is_read(model):
    stories = cc.corpus("stories", context=32)
    with pytest.raises(UnknownPosition, match=r"END\+1"):
        stories.loss(model.ablate("L0.attn", kind="zero", at="END+1")).values(8)


def test_an_answer_beyond_the_context_is_refused_in_words(tmp_path, model):
    row = {"text": "the store", "answer": " book" * 70, "stream": "test"}
    task = cc.Task.from_records(write(tmp_path / "long.jsonl", [row, {**row, "text": "the park"}])).on_stream("test")
    with pytest.raises(BadTask, match="reads at most"):
        task.log_prob(model).values(1)


def test_a_counterexample_is_kept_though_a_simpler_prompt_cannot_be_measured(model):
    task = cc.Task.define(
        "seen", templates={"t": "When {A} saw {B} and"}, pools={"name": NAMES}, draw={"A": "name", "B": "name"}, answer="A"
    )
    drawn = {(prompt.slots["A"], prompt.slots["B"]) for prompt in task.iterate(model, stream="test")}
    violating = next(name for name in NAMES[1:] if (name, "Mary") not in drawn)

    def broken(logits, prompts):
        if any((prompt.slots["A"], prompt.slots["B"]) == (violating, "Mary") for prompt in prompts):
            raise BadMetric("cannot be measured")
        return [float(prompt.slots["A"] != violating) for prompt in prompts]

    result = cc.forall(task.metric(cc.metric(broken), model) > 0.5).decide()
    assert result.decision.verdict == "refuted"
    assert result.contrary[0].text.startswith(f"When {violating} saw")
    assert "Mary" not in result.contrary[0].text
