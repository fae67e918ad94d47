"""`scope="new_templates"` on real metrics: each template counts once; who is refused, and what is said."""

import json
import re
from itertools import permutations

import numpy as np
import pytest
from by_template import PlantedModels, Sessions, drop, ends, labels, means_over, wants_templates
from scipy import stats

import circuitcheck as cc
from circuitcheck.errors import BadTask, NotComparable
from circuitcheck.sampling import Design
from circuitcheck.stats import skew_guarded

TAIL = 0.025


@pytest.fixture(scope="module")
def settings(shared_session):
    return Sessions(shared_session.engine)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return PlantedModels(tmp_path_factory.mktemp("planted"))


def test_rows_that_name_no_template_are_no_sample_of_templates(tmp_path, model, settings):
    """Many rows of one pattern would count as many templates."""
    task = {}
    for named in (True, False):
        rows = [
            {"text": f"Then {a} and {b} met and {a} saw", "answer": f" {b}", "distractor": f" {a}", "stream": "test"}
            | ({"template": f"t{number}"} if named or number else {})
            for number, (a, b) in enumerate(permutations(["Mary", "John", "Tom", "Anna"], 2))
        ]
        file = tmp_path / f"{named}.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        task[named] = cc.Task.from_records(file).on_stream("test")
    with settings(samples=12, first_look=12):
        assert (task[True].logit_diff(model) > -99).decide().templates == 12
        with pytest.raises(BadTask, match="do not all name a template.*field template"):
            (task[False].logit_diff(model) > -99).decide()


# Real metrics: the skew-guarded interval of template means


def test_one_look_is_the_skew_guarded_interval_of_the_template_means(planted, settings):
    with settings(samples=32):
        effect = drop(planted())
        decision = (effect > 0).decide().decision
        names, _ = labels(effect, 32)
        assert set(np.unique(names, return_counts=True)[1]) == {4}
        assert ends(decision) == pytest.approx(ends(skew_guarded(means_over(effect.values(32), names), TAIL)))
        assert "cluster means" in decision.method


def test_every_look_is_at_its_boundary(planted, settings):
    with settings(samples=128):
        effect = drop(planted())
        decision = (effect > 0.5).decide().decision
        names, _ = labels(effect, 128)
        assert [n for n, _, _ in decision.looks] == [32, 48, 64, 96, 128]
        for look, (n, *found) in enumerate(decision.looks):
            expected = skew_guarded(means_over(effect.values(n), names[:n]), Design(maximum=128).level(look).tail)
            assert found == pytest.approx(ends(expected))


def test_a_ratio_is_linearised_over_template_means(planted, settings):
    with settings(samples=32):
        model, task = cc.load(str(planted().folder)), planted().effects
        ratio = task.logit_diff(model.ablate("L1H1", kind="zero", at="END")) / task.logit_diff(model)
        pairs, (names, _) = ratio.values(32), labels(ratio, 32)
        above, below = (means_over(pairs[part], names) for part in ("numerator", "denominator"))
        decision = (ratio > 0.5).decide().decision
        assert decision.estimate == pytest.approx(above.mean() / below.mean())
        assert skew_guarded(above - decision.low * below, TAIL).low == pytest.approx(0, abs=1e-6)
        assert skew_guarded(above - decision.high * below, TAIL).high == pytest.approx(0, abs=1e-6)


def test_what_these_templates_support_is_open_for_new_ones(planted, settings):
    for samples in (32, 256):
        with settings("these_templates", samples=samples):
            assert drop(planted()) > 0
        with settings(samples=samples):
            result = (drop(planted()) > 0).decide()
        assert (result.decision.verdict, result.scope) == ("inconclusive", "new_templates")


def test_an_effect_larger_than_its_spread_over_templates_is_supported_for_new_ones(planted, settings):
    with settings(samples=32):
        assert drop(planted(), "L1H1") > 0
        assert not (drop(planted(), "L1H1") < 0)


def test_controls_are_beaten_in_new_templates_only_where_templates_show_it(planted, settings):
    """L1H2 is ahead of six heads that do nothing by 0.5, which varies by 0.6 from template to template."""
    shown = {}
    for scope in ("these_templates", "new_templates"):
        with settings(scope, samples=32):
            result = drop(planted()).beats(cc.random_heads(like="L1H2"), share=0.8, prompts=32).decide()
        shown[scope] = (result.control.tally.lesser, result.control.tally.beaten, result.decision.verdict)
    assert shown == {"these_templates": (6, 6, "supported"), "new_templates": (6, 0, "inconclusive")}


# Two clusterings


def two_way_by_hand(values, first, second, tail):
    """Cameron, Gelbach & Miller: V = V_first + V_second - V_both, at least each, with each cluster's leverage taken out;
    every template weighs the same."""
    weights = np.array([1 / (first == name).sum() for name in first]) / len(set(first))
    mean = (weights * values).sum()

    def variance(names):
        each = [((weights * (values - mean))[names == name].sum(), weights[names == name].sum()) for name in set(names)]
        return sum(total**2 / (1 - weight) for total, weight in each)

    def effective(names):
        return 1 / sum(weights[names == name].sum() ** 2 for name in set(names))

    both = np.array([f"{a}|{b}" for a, b in zip(first, second, strict=True)])
    v = max(variance(first) + variance(second) - variance(both), variance(first), variance(second))
    radius = stats.t.isf(tail, min(effective(first), effective(second)) - 1) * np.sqrt(v)
    one_way = skew_guarded(means_over(values, first), tail)
    return min(one_way.low, mean - radius), max(one_way.high, mean + radius)


@pytest.mark.parametrize("head", ["L0H1", "L1H2"])
def test_a_task_with_a_second_cluster_has_two_way_t(ioi, model, settings, head):
    with settings(samples=32):
        effect = ioi.logit_diff(model) - ioi.logit_diff(model.ablate(head, kind="zero"))
        decision = (effect > 10).decide().decision
        templates, names = labels(effect, 32)
        assert len(set(names)) > 5
        low, high = two_way_by_hand(effect.values(32), templates, names, TAIL)
        assert ends(decision) == pytest.approx((low - decision.noise, high + decision.noise))
        assert "two-way" in decision.method


# What gives no verdict


@pytest.mark.sampled(1)
@pytest.mark.parametrize("templates, verdict", [(4, "inconclusive"), (5, "supported")])
def test_fewer_than_five_templates_are_no_sample(planted, settings, templates, verdict):
    with settings(samples=512):
        decision = (drop(planted(templates), "L1H1") > -50).decide().decision
        assert (decision.verdict, decision.n) == (verdict, 32 if templates == 4 else decision.n)
        assert ("templates" in decision.reason and "5" in decision.reason) == (templates == 4)
        share = planted(templates).effects.accuracy(cc.load(str(planted(templates).folder)))
        assert templates == 5 or (share > 0.01).decide().decision.verdict == "inconclusive"


@pytest.mark.parametrize("build", [lambda q: q.median(), lambda q: q.quantile(0.2)])
def test_quantiles_are_refused(planted, settings, build):
    with settings(samples=32), pytest.raises(NotComparable):
        (build(drop(planted())) > 0).decide()


# What is said


def test_few_templates_and_one_that_has_most_prompts_are_warned_of(planted, settings):
    with settings(samples=32):
        few, enough = ((drop(planted(count), "L1H1") > -50).decide().warnings for count in (8, 20))
    assert any("8 templates are few" in each for each in few)
    assert not any("are few" in each for each in enough)


def test_the_notes_name_the_design_effect_of_one_way_analysis_of_variance(planted, settings):
    with settings(samples=32):
        effect = drop(planted())
        values, (names, _) = effect.values(32), labels(effect, 32)
        between = 4 * means_over(values, names).var(ddof=1)
        within = np.mean([values[names == name].var(ddof=1) for name in set(names)])
        icc = (between - within) / (between + 3 * within)
        (note,) = [each for each in (effect > 0).decide().decision.notes if "design effect" in each]
    factor, correlation = map(float, re.search(r"design effect ([\d.]+), intraclass correlation ([\d.]+)", note).groups())
    assert (factor, correlation) == (pytest.approx(1 + 3 * icc, rel=0.02), pytest.approx(icc, rel=0.02))


def test_more_templates_are_asked_for_where_they_are_what_is_missing(planted, settings):
    with settings(samples=32):
        assert wants_templates((drop(planted()) > 0.1).decide().decision)
    with settings("these_templates", samples=32):
        assert not wants_templates((drop(planted()) > 0.5).decide().decision)
