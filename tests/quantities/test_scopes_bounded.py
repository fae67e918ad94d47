"""`scope="new_templates"` on metrics with bounds: bets on the templates' means, never t; and nothing is ever exact."""

import numpy as np
import pytest
from by_template import PlantedModels, Sessions, ends, labels, means_over, wants_templates

import circuitcheck as cc
from circuitcheck.prompts import Pool, TaskDefinition, Template
from circuitcheck.sampling.design import SPENDING
from circuitcheck.stats import betting_interval


@pytest.fixture(scope="module")
def settings(shared_session):
    return Sessions(shared_session.engine)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return PlantedModels(tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize(
    "metric",
    [
        lambda task, model: task.accuracy(model.ablate("L1H1", kind="zero")),
        lambda task, model: task.logit_diff(model).above(2),
        lambda task, model: task.metric(cc.probability(), model),
    ],
    ids=["accuracy", "share", "probability"],
)
def test_bounded_metrics_are_a_bet_on_template_means_and_never_t(planted, settings, metric):
    with settings(samples=32):
        quantity = metric(planted().effects, cc.load(str(planted().folder)))
        decision = (quantity < 0.99).decide().decision
        names, _ = labels(quantity, 32)
        expected = betting_interval(means_over(quantity.values(32), names), 0, 1, 0.05)
        assert ends(decision) == pytest.approx(ends(expected), abs=1e-6)
        assert "betting" in decision.method
        assert "t on" not in decision.method


def test_a_difference_of_two_0_1_metrics_is_a_bet_on_template_means_too(planted, settings):
    with settings(samples=32):
        model, task = cc.load(str(planted().folder)), planted().effects
        right = cc.metric(
            lambda logits, prompts: logits[range(len(prompts)), [p.answer_id for p in prompts]] > 2.0, support="binary"
        )
        difference = task.metric(right, model) - task.metric(right, model.ablate("L1H1", kind="zero", at="END"))
        decision = (difference < 0.99).decide().decision
        names, _ = labels(difference, 32)
        expected = betting_interval(means_over(difference.values(32), names), -1, 1, 0.05)
        assert len(set(difference.values(32))) > 1
        assert ends(decision) == pytest.approx(ends(expected), abs=1e-6)
        assert "betting" in decision.method


def test_looks_at_a_bet_on_few_templates_share_the_error(planted, settings):
    """The templates are the same at every look, so a bet on them is not a sequence."""
    with settings(samples=64):
        share = planted().effects.logit_diff(cc.load(str(planted().folder))).above(2)
        decision = (share > 0.7).decide().decision
        names, _ = labels(share, 64)
        spent = [(n / 64) ** SPENDING for n in (0, 32, 48, 64)]
        for (n, *found), part in zip(decision.looks, np.diff(spent), strict=True):
            expected = betting_interval(means_over(share.values(n), names[:n]), 0, 1, 0.05 * part)
            assert found == pytest.approx(ends(expected), abs=1e-6)


def test_a_second_cluster_never_narrows_a_bet(ioi, model, settings):
    with settings(samples=32):
        share = ioi.logit_diff(model).above(0)
        decision = (share > 0.99).decide().decision
        hulls = [betting_interval(means_over(share.values(32), names), 0, 1, 0.05) for names in labels(share, 32)]
        assert ends(decision) == pytest.approx((min(i.low for i in hulls), max(i.high for i in hulls)), abs=1e-6)


def test_a_metric_that_is_perfect_in_many_templates_is_supported_for_new_ones(planted, settings):
    """A bet needs no variance: 64 means of 1 leave [.89, 1]."""
    assert betting_interval(np.ones(64), 0, 1, 0.025).low > 0.85
    with settings(samples=64):
        always = cc.metric(lambda _, prompts: np.ones(len(prompts)), name="always", support="binary")
        decision = (planted(64).effects.metric(always, cc.load(str(planted(64).folder))) > 0.5).decide().decision
    assert decision.low > 0.5
    assert decision.verdict == "supported"


@pytest.mark.parametrize("build", [lambda q: q, lambda q: q.above(0)], ids=["mean", "share"])
def test_all_prompts_of_few_templates_are_not_exact(model, settings, build):
    frames = tuple(Template(word, "Then {A} " + word + " {B} and") for word in ("met", "told", "gave", "saw", "had", "let"))
    names = ("Mary", "John", "Tom", "James")
    task = TaskDefinition("frames", frames, (Pool("name", names),), (("a", "name"), ("b", "name")), (("A", "a"), ("B", "b")),
                          "a", "b")  # fmt: skip
    with settings():
        quantity = build(cc.Task(task, chosen="test").logit_diff(model))
        decision = (quantity > quantity.values(36).mean() - 1e-6).decide().decision
        assert (decision.n, decision.verdict, decision.census) == (36, "inconclusive", False)
        assert "exact" not in decision.method
        assert decision.low < decision.estimate < decision.high


@pytest.mark.parametrize("metric", ["accuracy", "probability"])
def test_no_number_of_prompts_is_promised_to_decide_what_eight_templates_cannot(planted, settings, metric):
    """All eight means at 1 would leave the bet's interval at [.43, 1]: only more templates can show more than .5."""
    assert betting_interval(np.ones(8), 0, 1, 0.05).low < 0.5
    with settings(samples=32):
        task, model = planted().effects, cc.load(str(planted().folder))
        right = task.accuracy(model) if metric == "accuracy" else 1 - task.metric(cc.probability(), model)
        decision = (right > 0.5).decide().decision
    assert decision.verdict == "inconclusive"
    assert wants_templates(decision)
    assert all(more is None for _, more in decision.n_more)
