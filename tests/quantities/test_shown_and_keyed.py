"""How models, views, tasks and quantities show themselves, and what tells them apart."""

import pickle
from dataclasses import FrozenInstanceError
from html import escape

import jsonschema
import pytest

import circuitcheck as cc
from circuitcheck.fields import builtins_of, defined, lines_of
from circuitcheck.quantities.questions.result_fields import FIELDS, PROOF
from circuitcheck.report import load_schema


def test_a_view_says_what_it_does(model):
    view = (
        model.ablate("L0H1-2, L1.mlp", kind="zero", at="END, S1+1")
        .on("abc")
        .ablate("L2H0", kind="counterfactual", source="swap")
    )
    shown = repr(view)
    assert str(model.ref) in shown
    assert "on abc" in shown
    assert "zero ablation of L0H1, L0H2, L1.mlp at END, S1+1" in shown
    assert "counterfactual (swap) ablation of L2H0 everywhere" in shown


def test_a_name_that_no_terminal_takes_is_shown_escaped(model):
    words = {"n": ["Mary", "John", "Tom", "Paul"]}
    odd = cc.Task.define(
        "\x1b[2J\ud800",
        templates={"a": "Then {A} met {B}. {A2} saw"},
        pools=words,
        draw={"A": "n", "B": "n"},
        slots={"A2": "A"},
        answer="B",
        distractor="A",
        tokens=None,
        answer_tokens=None,
    )
    for shown in (odd, odd.logit_diff(model), odd.explain(model), odd.logit_diff(model).prompts):
        assert r"\x1b[2J\ud800" in str(shown)
        assert str(shown).encode().isascii()


def test_the_model_says_that_it_is_untouched(model):
    assert "zero" not in repr(model)
    assert "3 layers" in repr(model)


def test_a_label_is_the_expression(ioi, model):
    clean, view = ioi.logit_diff(model), ioi.logit_diff(model.ablate("L0H1", kind="zero", at="END"))
    assert clean.label == "ioi.logit_diff(model)"
    assert view.label == "ioi.logit_diff(zero ablation of L0H1 at END)"
    assert (clean - view).label == f"{clean.label} - {view.label}"
    assert (1 - view / clean).label == f"1 - ({view.label} / {clean.label})"
    assert (-clean).label == "-ioi.logit_diff(model)"
    assert "2 * " in (2 * clean).label
    assert "median" in clean.median().label
    assert "above 0.5" in clean.above(0.5).label


def test_recovered_names_its_counterfactual(ioi, model):
    assert ioi.recovered(model.ablate("L0H1", kind="zero"), against="swap").label == (
        "ioi.recovered(zero ablation of L0H1 everywhere; against swap)"
    )


@pytest.mark.parametrize(
    "build, shown", [(lambda q: q < 0.8, "< 0.8"), (lambda q: q >= 2, ">= 2"), (lambda q: q > -1, "> -1")]
)
def test_a_comparison_shows_quantity_relation_and_threshold(ioi, model, build, shown):
    comparison = build(ioi.logit_diff(model))
    assert comparison.expression == f"ioi.logit_diff(model) {shown}"
    assert "not asked" in repr(comparison)


def test_a_margin_is_part_of_the_expression(ioi, model):
    assert (ioi.logit_diff(model) == cc.approx(1, abs=0.05)).expression.endswith("== 1 ± 0.05")


def test_a_quantity_shows_model_stream_and_seed_without_measuring(ioi, model, shared_session):
    passes = shared_session.forward_passes
    shown = repr(ioi.on_stream("reference").accuracy(model.ablate("L0H3", kind="mean", n=77)))
    assert all(word in shown for word in (str(model.ref), "reference", "seed 0", "not measured"))
    assert shared_session.forward_passes == passes


@pytest.mark.parametrize("thing", ["model", "view", "quantity", "comparison", "estimate"])
def test_html_is_escaped(ioi, model, thing):
    quantity = ioi.logit_diff(model.ablate("L0H1", kind="zero"))
    things = {
        "model": model,
        "view": model.on("abc"),
        "quantity": quantity,
        "comparison": quantity < 0.8,
        "estimate": quantity.estimate(32),
    }
    html = things[thing]._repr_html_()
    assert "<model" not in html
    assert "&lt;" in html


def test_text_notebook_and_json_say_the_same_of_a_result(ioi, model):
    (zero := ioi.logit_diff(model.ablate("L0H1", kind="zero")) > 100).decide()
    text, html = zero.result.describe(), zero.result._repr_html_()
    said = lines_of((*FIELDS, PROOF), builtins_of((*FIELDS, PROOF), zero.result))
    assert {"estimate", "sample", "method", "against it", "proof"} <= {label for label, _ in said}
    for label, words in said:
        assert f"\n  {label}: {words.splitlines()[0]}" in text
        assert f">{label}</th>" in html
        assert escape(words) in html
    held = builtins_of(FIELDS, zero.result)
    assert held["contrary"][0]["text"] in text
    jsonschema.Draft202012Validator({"$defs": load_schema()["$defs"], **defined("comparison")}).validate(held)


def test_equal_quantities_made_twice_share_a_digest(ioi, model):
    def make():
        view = cc.load(model.ref.spec).ablate("L0H1", kind="mean", at="END")
        return 1 - cc.tasks.ioi().recovered(view)

    assert make().digest == make().digest


def test_anything_that_changes_the_number_changes_the_digest(ioi, model, names_task, with_settings):
    a = ioi.logit_diff(model)
    with with_settings(seed=1):
        other_seed = ioi.logit_diff(model)
    different = [
        a,
        other_seed,
        ioi.on_stream("discovery").logit_diff(model),
        names_task(8).logit_diff(model),
        ioi.accuracy(model),
        ioi.logit_diff(model.on("abc")),
        ioi.logit_diff(model.on("swap")),
        *(ioi.logit_diff(model.ablate("L0H1", kind=kind)) for kind in ("zero", "mean", "counterfactual")),
        ioi.logit_diff(model.ablate("L0H1", kind="mean", n=64)),
        ioi.logit_diff(model.ablate("L0H1", kind="counterfactual", source="swap")),
        ioi.logit_diff(model.ablate("L0H1", kind="zero", at="END")),
        2 * a,
        -a,
        a + 1,
        a / ioi.logit_diff(model.on("abc")),
        a.above(0),
        a.above(1),
        a.median(),
        a.quantile(0.4),
    ]
    assert len({quantity.digest for quantity in different}) == len(different)


def test_two_ways_to_write_one_number_have_one_digest(ioi, model):
    a = ioi.logit_diff(model)
    assert (a - 1).digest == (-1 + a).digest
    assert (a * 2).digest == (2 * a).digest


def test_views_are_immutable(model):
    before = model.digest
    model.ablate("L0H1", kind="zero")
    assert model.digest == before
    with pytest.raises(FrozenInstanceError):
        model.data = None


def test_a_quantity_travels_by_pickle(ioi, model):
    quantity = 1 - ioi.recovered(model.ablate("L0H1", kind="mean", at="END", n=64))
    back = pickle.loads(pickle.dumps(quantity))
    assert (back.digest, back.label) == (quantity.digest, quantity.label)
    assert (back.values(8) == quantity.values(8)).all()


def test_a_task_shows_its_positions_counterfactuals_and_stream(ioi):
    assert all(word in repr(ioi) for word in ("ioi", "16 templates", "END", "abc, swap", "test stream"))


def test_sample_shows_prompts_of_the_stream_asked_for(ioi, model):
    test, discovery = (ioi.prompts(3, model=model, stream=stream) for stream in ("test", "discovery"))
    assert len(test) == len(discovery) == 3
    assert ioi.prompts(3, model=model) == test != discovery
    assert ioi.prompts(3, model=model, seed=1) != test
