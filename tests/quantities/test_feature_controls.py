"""`effect.beats(cc.random_features(...))`: which sets of features are compared, and what comes of it.

How it could be fooled: peers that hardly ever fire, or write next to nothing; the claimed feature among its own controls;
rates looked up on the prompts that the claim is judged on."""

import numpy as np
import pytest
import torch
from tiny_dictionaries import tiny_sae

import circuitcheck as cc
from circuitcheck.quantities.questions.drawn import Firing, MatchedFeatures
from circuitcheck.session import Session

SITE, WIDTH = "L1.resid_post", 64


@pytest.fixture(scope="module")
def task():
    return cc.tasks.ioi()


@pytest.fixture(scope="module")
def values(shared_session, model, task):
    """[prompt, 32]: what is at END of 256 prompts of the discovery stream."""
    with cc.use_session(shared_session):
        prompts = task.prompts(256, model=model, stream="discovery")
        found = []
        for length in {len(prompt.tokens) for prompt in prompts}:
            group = [each for each in prompts if len(each.tokens) == length]
            ends = [each.positions["END"][0] for each in group]
            found.append(torch.as_tensor(model.cache(group, [SITE])[SITE])[range(len(group)), ends])
        return torch.cat(found)


@pytest.fixture(scope="module")
def q(shared_session, values):
    """Features that fire on 4% to 95% of the prompts, two that never do; the decoder's rows have norms from 0.1 to 3."""
    made = tiny_sae(32, features=WIDTH)
    chance = torch.Generator().manual_seed(1)
    rates, norms = torch.linspace(0.04, 0.95, WIDTH), torch.logspace(-1, 0.5, WIDTH)
    with torch.no_grad():
        before = (values @ made.W_enc).sort(dim=0, descending=True).values
        for number, rate in enumerate(rates[torch.randperm(WIDTH, generator=chance)]):
            made.b_enc[number] = -before[int(rate * len(values)), number]
        made.b_enc[[3, 9]] = -1e4
        made.W_dec.mul_(norms[torch.randperm(WIDTH, generator=chance)][:, None])
    with cc.use_session(shared_session):
        return cc.sae(made, at=SITE)


@pytest.fixture(scope="module")
def looked(shared_session, q, values):
    """(rate, written) [feature] by hand."""
    with cc.use_session(shared_session), torch.no_grad():
        acts, norms = q.inner.encode(values).numpy(), q.inner.W_dec.norm(dim=1).numpy()
    fires = acts != 0
    mean = np.abs(acts).sum(axis=0) / np.maximum(1, fires.sum(axis=0))
    return fires.mean(axis=0), mean * norms


def effect_of(task, model, features):
    return task.metric(cc.kl_from_clean(), model.remove(features, at="END", allow_vacuous=True))


def matched(task, model, features, **options):
    control = cc.random_features(like=features, **options)
    return control.sets(effect_of(task, model, features))


@pytest.fixture
def usual(looked):
    """Two features that fire often, but not always."""
    rate, _ = looked
    return [int(each) for each in np.flatnonzero((rate > 0.3) & (rate < 0.9))[:2]]


def peers_by_hand(number, claimed, rate, written):
    others = [each for each in np.flatnonzero(rate * written > 0) if each not in claimed]
    apart = {each: (abs(np.log(rate[each] / rate[number])), abs(np.log(written[each] / written[number]))) for each in others}
    near = [each for each in others if max(apart[each]) <= np.log(2)]
    return sorted(near if len(near) >= 24 else sorted(others, key=lambda each: sum(apart[each]))[:24])


def test_peers_fire_about_as_often_and_write_about_as_much(q, model, task, looked, usual):
    found = matched(task, model, q[usual])
    expected = [peers_by_hand(number, usual, *looked) for number in sorted(usual)]
    assert found.peers == expected
    assert not {3, 9, *usual} & {each for peers in found.peers for each in peers}


def test_where_many_are_so_near_these_are_all_and_else_the_24_nearest(q):
    rates = np.full(WIDTH, 0.5)
    rates[40:] = 0.01
    for near, count in ((40, 39), (20, 24)):
        rates[near:] = 0.01
        sets = MatchedFeatures(q[0].plan, Firing(rates.copy(), np.ones(WIDTH)))
        assert len(sets.peers[0]) == count
        assert set(sets.peers[0]) >= set(range(1, near))


def test_what_writes_more_than_twice_as_much_is_no_peer(q):
    written = np.ones(WIDTH)
    written[30:] = [2.1] * 17 + [0.4] * 17
    sets = MatchedFeatures(q[0].plan, Firing(np.full(WIDTH, 0.5), written))
    assert sets.peers == [list(range(1, 30))]


def test_sets_are_distinct_and_have_each_feature_once(q, model, task, usual):
    sets = matched(task, model, q[usual])
    found = [tuple(part.number for part in sets[number]) for number in range(sets.count)]
    assert len(set(found)) == len(found) == sets.count > 100
    assert all(len(set(each)) == 2 and list(each) == sorted(each) and not set(each) & set(usual) for each in found)


def test_more_sets_than_are_listed_have_each_feature_once(q):
    sets = MatchedFeatures(q[0, 1, 2, 4].plan, Firing(np.full(WIDTH, 0.5), np.ones(WIDTH)))
    assert sets.count == 60**4
    drawn = [tuple(part.number for part in sets[number]) for number in range(0, sets.count, sets.count // 200)]
    assert all(len(set(each)) == 4 and not set(each) & {0, 1, 2, 4} for each in drawn)
    assert len(set(drawn)) > 190


# --- claims


@pytest.fixture(scope="module")
def planted(shared_session):
    """A dictionary whose 40 features fire with 1 on every prompt: all write vectors of one norm, those of feature 7 beside
    the constant direction, which GPT-2's norms take out, and those of the others nearly along it."""
    made, chance = tiny_sae(32, features=40), torch.Generator().manual_seed(2)
    with torch.no_grad():
        made.W_enc.zero_()
        made.b_enc.fill_(1.0)
        rows = torch.randn(40, 32, generator=chance)
        rows -= rows.mean(dim=1, keepdim=True)
        aside = torch.full((40, 1), 0.05)
        aside[7] = 1.0
        made.W_dec.copy_(4 * (aside * rows / rows.norm(dim=1, keepdim=True) + (1 - aside.square()).sqrt() / 32**0.5))
    with cc.use_session(shared_session):
        return cc.sae(made, at="L2.resid_post")


def beats(task, model, q, number, share=0.9, **options):
    effect = task.on_stream("test").metric(cc.kl_from_clean(), model.remove(q[number], at="END"))
    return effect.beats(cc.random_features(like=q[number], **options), share=share, prompts=32)


@pytest.mark.slow
def test_a_feature_whose_removal_moves_the_metric_is_ahead_and_another_is_not(model, task, planted):
    strong, null = beats(task, model, planted, 7).decide(), beats(task, model, planted, 10).decide()
    assert (strong.decision.verdict, null.decision.verdict) == ("supported", "refuted")
    assert strong.control.tally.beaten == strong.control.tally.draws == strong.control.matched


def test_words_say_feature_sets(model, task, planted):
    question = beats(task, model, planted, 7)
    assert "of random features like" in question.expression
    result = question.decide()
    said = f"{result.control.describe()} {result.decision.words} {result.decision.method}"
    assert said.count("feature sets") == 3
    assert "head sets" not in said


def test_one_seed_draws_the_same_sets_and_another_draws_others(q, model, task, looked):
    rate, _ = looked
    three = [int(each) for each in np.flatnonzero(rate > 0.3)[:3]]
    effect = effect_of(task, model, q[three])

    def drawn(seed):
        question = effect.beats(cc.random_features(like=q[three], seed=seed), share=0.5)
        assert question._matched.count > 1000, "fewer are compared one and all"
        return [question._parts(number) for number in range(20)]

    assert drawn(1) == drawn(1)
    assert len(set(drawn(1)) & set(drawn(2))) < 3
    assert len(set(drawn(1))) == 20


def test_rates_are_never_looked_up_on_the_prompts_of_the_claim(monkeypatch, model, task, planted, with_settings):
    streams, encode = [], Session.encode

    def spy(self, where, *arguments):
        streams.append((where.stream, where.task.name))
        return encode(self, where, *arguments)

    monkeypatch.setattr(Session, "encode", spy)
    with with_settings():
        beats(task, model, planted, 7).decide()
    assert set(streams) == {("discovery", "ioi")}


# --- what is refused


def test_features_that_the_effect_is_not_on_are_refused(q, model, task, usual):
    effect = effect_of(task, model, q[usual])
    for other in (q[usual[0]], q[50], q[[*usual, 50]]):
        with pytest.raises(cc.NotComparable, match="no intervention in .* is on exactly"):
            effect.beats(cc.random_features(like=other), share=0.9)


def test_a_feature_that_never_fires_has_no_peers(q, model, task):
    with pytest.raises(cc.BadIntervention, match="feature 3 of .* fires on none"):
        matched(task, model, q[3]).peers  # noqa: B018


def test_a_feature_that_alone_fires_has_no_peers(q):
    rates = np.zeros(WIDTH)
    rates[0] = 0.5
    with pytest.raises(cc.BadIntervention, match="no other feature"):
        MatchedFeatures(q[0].plan, Firing(rates, np.ones(WIDTH))).peers  # noqa: B018


def test_too_many_at_once_have_no_set(q):
    rates = np.zeros(WIDTH)
    rates[:3] = 0.5
    with pytest.raises(cc.BadIntervention, match="compare fewer at once"):
        MatchedFeatures(q[0, 1].plan, Firing(rates, np.ones(WIDTH))).count  # noqa: B018


@pytest.mark.parametrize("given", ["L0H1", 7, None])
def test_like_is_features(given):
    with pytest.raises(cc.BadIntervention, match=r"random_features\(like=\)"):
        cc.random_features(like=given)


def test_one_draw_is_too_few(q):
    with pytest.raises(cc.BadIntervention, match="draws"):
        cc.random_features(like=q[0], draws=1)
