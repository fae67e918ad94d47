"""Expressions without a sound meaning are refused when they are written, in words."""

from operator import eq, ne

import numpy as np
import pytest

import circuitcheck as cc
from circuitcheck.errors import BadMetric, NotComparable, UnknownCounterfactual, UnknownPosition


@pytest.fixture
def a(ioi, model):
    return ioi.logit_diff(model)


@pytest.fixture
def b(ioi, model):
    return ioi.logit_diff(model.on("abc"))


@pytest.mark.parametrize(
    "refused",
    [
        lambda a, b: (a / b).median(),
        lambda a, b: (a / b).above(0),
        lambda a, b: (a / b).quantile(0.9),
        lambda a, b: a / b - b / a,
        lambda a, b: a / b + b / (2 * a),
        lambda a, b: a / b < b / a,
        lambda a, b: a / b - a,
        lambda a, b: a - a / b,
        lambda a, b: (a / b) / a,
        lambda a, b: a / (a / b),
        lambda a, b: (a / b) * (a / b),
        lambda a, b: a * b,
        lambda a, b: 1 / a,
        lambda a, b: a.median() - b,
        lambda a, b: b - a.median(),
        lambda a, b: -a.median(),
        lambda a, b: a.above(0).median(),
        lambda a, b: a.median().above(0),
        lambda a, b: a / a.above(0),
        lambda a, b: a.median() / b,
        lambda a, b: a + "1",
        lambda a, b: "1" + a,
        lambda a, b: a < "1",
        lambda a, b: a < None,
        lambda a, b: a * True,
        lambda a, b: np.array([1.0, 2.0]) * a,
        lambda a, b: a - np.array([1.0, 2.0]),
        lambda a, b: np.array([1.0]) < a,
        lambda a, b: bool(a),
        lambda a, b: float(a),
    ],
)
def test_an_expression_without_meaning_is_a_type_error_of_ours(a, b, refused):
    with pytest.raises(NotComparable):
        refused(a, b)


@pytest.mark.parametrize("other", [0.5, 0, None, "1"])
@pytest.mark.parametrize("equality", [eq, ne])
def test_equality_without_a_margin_is_a_type_error_that_names_approx(a, equality, other):
    for sides in ((a, other), (other, a), (a, a)):
        with pytest.raises(TypeError, match=r"cc\.approx\(.*abs="):
            equality(*sides)


@pytest.mark.parametrize("margin", [0, -0.1, float("nan")])
def test_approx_needs_a_margin_above_zero(margin):
    with pytest.raises(ValueError, match="above 0"):
        cc.approx(1.0, abs=margin)


def test_approx_has_no_default_margin():
    with pytest.raises(TypeError):
        cc.approx(1.0)


def test_quantities_are_unhashable_and_have_a_digest_for_a_key(a):
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)
    assert isinstance(a.digest, str)


def test_ratios_say_why_a_median_is_refused(a, b):
    with pytest.raises(NotComparable, match="ratio of means"):
        (a / b).median()


@pytest.mark.parametrize("q", [0, 1, -0.1, 1.5])
def test_a_quantile_lies_strictly_between_zero_and_one(a, q):
    with pytest.raises(ValueError, match="between 0 and 1"):
        a.quantile(q)


def test_dividing_by_zero_is_what_it_always_is(a):
    with pytest.raises(ZeroDivisionError):
        a / 0


@pytest.mark.parametrize("combine", [lambda a, b: a - b, lambda a, b: a + b, lambda a, b: a / b, lambda a, b: a < b])
def test_quantities_on_other_prompts_are_refused(ioi, model, names_task, with_settings, a, combine):
    with with_settings(seed=1):
        other_seed = ioi.logit_diff(model)
    for other in (ioi.on_stream("discovery").logit_diff(model), names_task(8).logit_diff(model), other_seed):
        with pytest.raises(NotComparable, match="other prompts"):
            combine(a, other)


def test_recovered_needs_a_counterfactual_and_suggests_the_quotient(model, names_task):
    task = names_task(8, counterfactuals=())
    with pytest.raises(UnknownCounterfactual, match=r"no counterfactual.*quantity\(view\) / quantity\(model\)"):
        task.recovered(model.ablate("L0H1", kind="zero"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda task, model: task.recovered(model, against="xyz"),
        lambda task, model: task.logit_diff(model.on("xyz")),
        lambda task, model: task.logit_diff(model.ablate("L0H1", kind="counterfactual", source="xyz")),
    ],
)
def test_an_unknown_counterfactual_is_refused_with_those_there_are(ioi, model, ask):
    with pytest.raises(UnknownCounterfactual, match="'xyz'.*abc, swap"):
        ask(ioi, model)


@pytest.mark.parametrize("thing", [None, "gpt2", 3])
def test_what_is_no_view_is_refused(ioi, thing):
    with pytest.raises(TypeError, match=r"no model or view.*cc\.load"):
        ioi.logit_diff(thing)


@pytest.mark.parametrize("thing, error", [(None, TypeError), (3, TypeError), ("acuracy", BadMetric)])
def test_what_is_no_metric_is_refused(ioi, model, thing, error):
    with pytest.raises(error, match="no metric"):
        ioi.metric(thing, model)


def test_what_users_write_first_is_answered_with_what_to_write(ioi, model, a, b):
    with pytest.raises(TypeError, match=r"cc\.approx\(1, abs=0\.05\)"):
        a == pytest.approx(1.0)
    with pytest.raises(NotComparable, match=r"put a star before it, cc\.all_of\(\*comparisons\)"):
        cc.all_of([a > 0, b > 0])
    with pytest.raises(NotComparable, match=r"expected cc\.random_heads\(like="):
        a.beats(cc.heads("L0"), share=0.5)
    with pytest.raises(UnknownPosition, match=r"Did you mean 'END'\?"):
        ioi.logit_diff(model.ablate("L0H0", kind="zero", at="end")).values(2)


def test_attention_to_a_token_that_comes_later_is_no_measurement(ioi, model):
    with pytest.raises(BadMetric, match="is 0 whatever the model does"):
        ioi.metric(cc.attention("L0H0", query="IO", key="END"), model).values(2)
