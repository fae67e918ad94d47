"""What resampling refuses, and what it is called."""

import numpy as np
import pytest
from donors import WORDS, records, resampled, row_of

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadTask
from circuitcheck.prompts import PromptStream


@pytest.mark.parametrize("slots", ["subject", ["IO", "subject"], "END"])
def test_a_slot_that_prompts_do_not_have_is_named(model, slots):
    with pytest.raises(BadIntervention, match=r"matching=.*(END|subject).*(IO|S1), (S1|IO), place, S2, object"):
        resampled(model, matching=slots)


@pytest.mark.slow
def test_slots_that_no_other_prompt_shares_are_named(model):
    with pytest.raises(BadTask, match="(?s)reference prompts.*S1='.*object='.*raise n"):
        resampled(model, n=256, matching=["IO", "S1", "place", "object"])


def test_a_prompt_whose_template_nobody_has_is_an_error(ioi, model, tmp_path):
    went, other = (
        [prompt for prompt in ioi.prompts(64, model=model) if prompt.template == name][:3]
        for name in ("went/IO-first", "visited/IO-first")
    )
    task = records(
        tmp_path,
        [row_of(prompt, "test", "went") for prompt in went] + [row_of(prompt, "reference", "other") for prompt in other],
    )
    with pytest.raises(BadTask, match="template 'went'"):
        task.logit_diff(model.ablate(WORDS, kind="resample", at="END", n=3)).values(3)


@pytest.fixture
def small(model):
    """A task with a reference stream of a few prompts."""
    return cc.Task.define(
        "small",
        templates={"met": "Then {A} met {B} and", "saw": "Then {A} saw {B} and"},
        pools={"name": ["Mary", "John", "Tom", "James", "Anna"]},
        draw={"A": "name", "B": "name"},
        answer="A",
        distractor="B",
    )


def test_more_prompts_than_the_reference_stream_has_are_refused_with_their_number(small, model):
    size = cc.current_session().population(PromptStream(small.definition, "reference", 0), [model.ref])
    assert 2 < size < 32
    with pytest.raises(BadTask, match=f"{size}"):
        small.logit_diff(model.ablate(WORDS, kind="resample", at="END", n=size + 1)).values(4)
    assert np.isfinite(small.logit_diff(model.ablate(WORDS, kind="resample", at="END", n=size)).values(4)).all()


@pytest.mark.parametrize("kind", ["zero", "mean", "counterfactual"])
def test_only_resampling_takes_slots_to_match(model, kind):
    with pytest.raises(BadIntervention, match="matching.*resample"):
        model.ablate(WORDS, kind=kind, matching="IO")


@pytest.mark.parametrize("n", [1, 0, -3])
def test_one_prompt_leaves_none_to_draw(model, n):
    with pytest.raises(BadIntervention, match=f"n={n}"):
        model.ablate(WORDS, kind="resample", n=n)


def test_resampling_takes_no_counterfactual(model):
    with pytest.raises(BadIntervention, match="source.*counterfactual"):
        model.ablate(WORDS, kind="resample", source="abc")


# What it is called.

OPTIONS = [{}, {"n": 64}, {"n": 128}, {"matching": "IO"}, {"matching": ["IO", "S1"]}, {"matching": "IO", "n": 4096}]


def test_views_that_draw_otherwise_are_told_apart(model):
    views = [model.ablate(WORDS, kind="resample", at="END", **options) for options in OPTIONS]
    views.append(model.ablate(WORDS, kind="mean", at="END"))
    assert len({view.digest for view in views}) == len(views)
    assert len({view.data.describe() for view in views}) == len(views)
    assert len({cc.tasks.ioi().logit_diff(view).digest for view in views}) == len(views)


@pytest.mark.parametrize(
    "options, words",
    [({}, ["resample ablation of"]), ({"n": 64}, ["n=64"]), ({"matching": ["S1", "IO"]}, ["matching IO, S1"])],
)
def test_the_description_says_what_is_drawn(model, options, words):
    shown = repr(model.ablate(WORDS, kind="resample", at="END", **options))
    assert not [word for word in words if word not in shown], shown


def test_the_order_of_slots_and_saying_a_default_make_no_difference(model):
    def digest(**options):
        return model.ablate(WORDS, kind="resample", at="END", **options).digest

    assert digest(matching=["S1", "IO"]) == digest(matching=("IO", "S1", "IO"))
    assert digest() == digest(n=256)
    assert digest(matching="IO") == digest(matching="IO", n=256)
