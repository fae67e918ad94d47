"""`scope="new_templates"` on real metrics: t on the templates' means, or two-way; who is refused, and what notes say."""

import re

import numpy as np
import pytest
from by_template import PlantedModels, Sessions, drop, ends, labels, means_over, wants_templates
from scipy import stats

import circuitcheck as cc
from circuitcheck.errors import NotComparable
from circuitcheck.stats import fieller, kim_demets

TAIL = 0.025


@pytest.fixture(scope="module")
def settings(shared_session):
    return Sessions(shared_session.engine)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return PlantedModels(tmp_path_factory.mktemp("planted"))


def t_on_means(means, tail):
    return stats.ttest_1samp(means, 0).confidence_interval(1 - 2 * tail)


# Real metrics: t on template means


def test_one_look_is_students_t_on_the_template_means(planted, settings):
    with settings(samples=32):
        effect = drop(planted())
        decision = (effect > 0).decide().decision
        names, _ = labels(effect, 32)
        assert set(np.unique(names, return_counts=True)[1]) == {4}
        assert ends(decision) == pytest.approx(ends(t_on_means(means_over(effect.values(32), names), TAIL)))
        assert "clusters" in decision.method
        assert "df=7" in decision.method


def test_every_look_is_t_on_the_template_means_at_its_boundary(planted, settings):
    with settings(samples=128):
        effect = drop(planted())
        decision = (effect > 0.5).decide().decision
        names, _ = labels(effect, 128)
        boundary = kim_demets((32, 64, 128), 0.05)
        assert [n for n, _, _ in decision.looks] == [32, 64, 128]
        for (n, *found), tail in zip(decision.looks, boundary.tails, strict=True):
            expected = t_on_means(means_over(effect.values(n), names[:n]), tail)
            assert found == pytest.approx(ends(expected))


def test_a_ratio_is_fiellers_set_of_template_means(planted, settings):
    with settings(samples=32):
        model, task = cc.load(str(planted().folder)), planted().effects
        ratio = task.logit_diff(model.ablate("L1H1", kind="zero", at="END")) / task.logit_diff(model)
        pairs, (names, _) = ratio.values(32), labels(ratio, 32)
        expected = fieller(*(means_over(pairs[part], names) for part in ("numerator", "denominator")), TAIL)
        assert ends((ratio > 0.5).decide().decision) == pytest.approx(ends(expected), abs=1e-6)


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
        shown[scope] = (result.control.tally.beaten, result.control.tally.shown, result.decision.verdict)
    assert shown == {"these_templates": (6, 6, "supported"), "new_templates": (6, 0, "inconclusive")}


# Two clusterings


def two_way_by_hand(values, first, second, tail):
    """Cameron, Gelbach & Miller: V = V_first + V_second - V_both, each with its factor G / (G - 1)."""

    def variance(names):
        sums = np.array([(values - values.mean())[names == name].sum() for name in sorted(set(names))])
        return len(sums) / (len(sums) - 1) * (sums**2).sum() / len(values) ** 2

    both = np.array([f"{a}|{b}" for a, b in zip(first, second, strict=True)])
    v = variance(first) + variance(second) - variance(both)
    v = v if v > 0 else max(variance(first), variance(second))
    radius = stats.t.isf(tail, min(len(set(first)), len(set(second))) - 1) * np.sqrt(v)
    return values.mean() - radius, values.mean() + radius


@pytest.mark.parametrize("head", ["L0H1", "L1H2", "L2H3"])
def test_a_task_with_a_second_cluster_has_two_way_t(ioi, model, settings, head):
    with settings(samples=32):
        effect = ioi.logit_diff(model) - ioi.logit_diff(model.ablate(head, kind="zero"))
        decision = (effect > 10).decide().decision
        templates, names = labels(effect, 32)
        assert len(set(names)) > 5
        assert ends(decision) == pytest.approx(two_way_by_hand(effect.values(32), templates, names, TAIL))
        assert "two-way" in decision.method


# What gives no verdict


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


# Notes


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
