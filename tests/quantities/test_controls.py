"""`effect.beats(cc.random_heads(...))` on a planted model: every head set like the claimed one, counted by hand."""

import math
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadTask, Inconclusive, NotComparable, UnknownUnit
from circuitcheck.places import Head
from circuitcheck.sampling import Tally
from circuitcheck.selftest.noise import Noise
from circuitcheck.selftest.planted import plant
from circuitcheck.stats import skew_guarded

PROMPTS = 32


@pytest.fixture(scope="module")
def session(shared_session):
    return cc.Session(make_engine=lambda _: shared_session.engine)


@pytest.fixture(autouse=True)
def fresh_session(session):
    with cc.use_session(session):
        yield session


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Effects 1, 0.5 and 0.1 in L1H1, L1H2 and L1H3; the other heads of both layers have none."""
    found = plant(tmp_path_factory.mktemp("planted") / "model", effects=(1.0, 0.5, 0.1), noise=Noise("normal", 1.0))
    return replace(found, effects=found.effects.on_stream("test"))


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """L1H1 and L1H2 do the same on every prompt, L1H3 half as much on the average."""
    return plant(
        tmp_path_factory.mktemp("twins") / "model", effects=(1.0, 1.0, 0.5), noise=Noise("none"), template_spread=0.3
    )


@pytest.fixture
def model(planted):
    return cc.load(str(planted.folder))


@pytest.fixture
def drop(planted, model):
    """drop("L1H1"): what zero ablation at END takes away."""
    return lambda heads: drop_of(planted, model, heads)


def drop_of(planted, model, heads):
    return planted.effects.logit_diff(model) - planted.effects.logit_diff(model.ablate(heads, kind="zero", at="END"))


def asked(effect, like, share=0.95, **options):
    return effect.beats(cc.random_heads(like=like), share=share, prompts=PROMPTS, **options).decide()


def sets_like(heads):
    """Every other set of as many of 8 heads in each layer, as tuples of names."""
    names = heads.split(", ")
    layers = sorted({name[:2] for name in names})
    choices = [
        combinations([f"{layer}H{i}" for i in range(8)], sum(name.startswith(layer) for name in names)) for layer in layers
    ]
    return [found for parts in product(*choices) if set(found := sum(parts, ())) != set(names)]


def by_hand(planted, model, heads, base="clean"):
    """Which sets have less effect, tie, are shown to be beaten or to be ahead, from what was planted."""
    prompts = planted.effects.prompts(PROMPTS, model=model)
    one = {planted.head(i): np.array([planted.effect(prompt, i, base) for prompt in prompts]) for i in range(3)}

    def effect(names):
        return sum((one[name] for name in names if name in one), np.zeros(PROMPTS))

    differences = [effect(heads.split(", ")) - effect(other) for other in sets_like(heads)]
    least = math.ceil(0.95 * len(differences))  # that must be beaten; one more than the others must be ahead to refute
    ties = [np.abs(each).max() < 1e-6 for each in differences]
    varied = [each for each, tie in zip(differences, ties, strict=True) if not tie]
    beaten = sum(skew_guarded(each, 0.025 / (len(differences) - least + 1)).low > 0 for each in varied)
    ahead = sum(skew_guarded(each, 0.025 / least).high < 0 for each in varied)
    lesser = sum(each.mean() > 0 for each in varied)
    return Tally(len(differences), lesser, sum(ties), beaten, ahead, 0, True)


@pytest.mark.parametrize("heads", ["L1H1", "L1H2", "L1H3", "L1H1, L1H2", "L1H2, L1H3", "L1H1, L1H5", "L0H1, L1H1"])
@pytest.mark.sampled(1)
def test_every_set_is_compared_and_counted_as_by_hand(planted, model, drop, heads):
    tally = by_hand(planted, model, heads)
    result = asked(drop(heads), heads)
    assert result.control.tally == tally
    assert result.control.matched == tally.draws == len(sets_like(heads))
    assert result.control.own == pytest.approx(drop(heads).values(PROMPTS).mean())
    assert (result.decision.n, result.decision.census) == (PROMPTS, False)


def test_a_head_that_matters_beats_all_there_are(drop):
    result = asked(drop("L1H1"), "L1H1")
    assert result.decision.verdict == "supported"
    assert result.control.tally == Tally(7, 7, 0, 7, 0, 0, True)
    assert result.decision.low == result.decision.estimate == result.decision.high == 1
    assert (result.control.like, result.control.strongest) == ("L1H1", "L1H2")
    assert result.control.strongest_effect == pytest.approx(drop("L1H2").values(PROMPTS).mean())


@pytest.mark.sampled(1)
@pytest.mark.parametrize("share, verdict", [(0.7, "supported"), (0.86, "refuted"), (0.95, "refuted")])
def test_the_second_strongest_head_beats_six_of_seven(drop, share, verdict):
    found = drop("L1H2").beats(cc.random_heads(like="L1H2"), share=share).decide()
    assert found.decision.verdict == verdict


def test_prompts_are_added_until_it_is_told(drop):
    """32 prompts do not show L1H1 to be ahead of L1H2; as many as any claim may take do."""
    question = drop("L1H2").beats(cc.random_heads(like="L1H2"), share=0.95)
    few, more = question.decide(samples=32), question.decide(samples=512)
    assert (few.decision.verdict, more.decision.verdict) == ("inconclusive", "refuted")
    assert [n for n, _, _ in more.decision.looks][:3] == [32, 48, 64]


@pytest.mark.parametrize("head, ties, verdict", [("L0H2", 7, "inconclusive"), ("L1H5", 4, "refuted")])
def test_an_inert_head_ties_with_others_and_is_refuted_by_one_that_is_ahead(planted, model, drop, head, ties, verdict):
    result = asked(drop(head), head)
    assert result.control.tally == by_hand(planted, model, head)
    assert (result.control.tally.beaten, result.control.tally.ties) == (0, ties)
    assert (result.control.own, result.decision.verdict) == (0, verdict)


@pytest.mark.parametrize("share, verdict", [(0.7, "supported"), (0.9, "inconclusive")])
@pytest.mark.parametrize("head", ["L1H1", "L1H2"])
def test_a_set_that_is_equal_is_not_beaten_and_not_ahead(twins, head, share, verdict):
    """Nor is L1H3 shown to be beaten, which is behind by the same on every prompt."""
    result = asked(drop_of(twins, cc.load(str(twins.folder)), head), head, share)
    assert result.control.tally == Tally(7, 6, 1, 5, 0, 0, True)
    assert result.decision.verdict == verdict


def test_an_effect_in_the_other_direction_beats_nothing_that_has_less(drop):
    assert asked(-drop("L1H1"), "L1H1").decision.verdict == "refuted"


@pytest.mark.parametrize("like", ["L1H2, L1H1", "L1H1-2", (Head(1, 1), Head(1, 2))])
def test_the_claimed_set_has_many_names(drop, like):
    assert asked(drop("L1H1, L1H2"), like).control.matched == len(sets_like("L1H1, L1H2")) == 27


def test_a_share_of_what_is_recovered_is_compared_like_a_difference(planted, model):
    clean, view = (planted.effects.logit_diff(each) for each in (model, model.ablate("L1H1", kind="zero", at="END")))
    assert asked(1 - view / clean, "L1H1").decision.verdict == "supported"
    own = asked(1 - view / clean, "L1H1").control.own
    assert own == pytest.approx(1 - view.values(PROMPTS).mean() / clean.values(PROMPTS).mean())


def test_a_denominator_that_is_not_above_zero_gives_no_verdict(planted, model):
    clean, view = (planted.effects.logit_diff(each) for each in (model, model.ablate("L1H1", kind="zero", at="END")))
    result = asked(view / (-1 * clean), "L1H1")
    assert (result.decision.verdict, result.decision.reason != "") == ("inconclusive", True)


def test_every_intervention_on_the_heads_is_replaced_and_others_stay(planted, model):
    """L1H2 is out in both; a set that holds it adds nothing to that."""

    def without(heads):
        return model.ablate("L1H2", kind="zero", at="END").ablate(heads, kind="zero", at="END")

    clean = planted.effects.logit_diff(model)
    result = asked(clean - planted.effects.logit_diff(without("L1H1")), "L1H1")
    assert result.control.tally == Tally(7, 7, 0, 7, 0, 0, True)
    other = max(f"L1H{i}" for i in range(8) if i not in (1, 2, 3))
    strongest = (clean - planted.effects.logit_diff(without("L1H3"))).values(PROMPTS).mean()
    bare = (clean - planted.effects.logit_diff(without(other))).values(PROMPTS).mean()
    assert result.control.strongest_effect == pytest.approx(max(strongest, bare))


def test_views_on_other_prompts_are_replaced_along(planted, model):
    task = planted.effects
    effect = task.logit_diff(model.on("fresh")) - task.logit_diff(model.on("fresh").ablate("L1H1", kind="zero", at="END"))
    assert asked(effect, "L1H1").control.tally == by_hand(planted, model, "L1H1", "fresh")


def test_it_is_a_question_like_others(drop):
    question = drop("L1H1").beats(cc.random_heads(like="L1H1"), share=0.95, prompts=PROMPTS)
    assert isinstance(question, cc.Question)
    assert cc.all_of(question, drop("L1H1") > 0)
    assert question.decide() is question.decide()
    undecided = drop("L1H1").beats(cc.random_heads(like="L1H1"), share=0.95, prompts=2)
    with pytest.raises(Inconclusive):
        bool(undecided)


@pytest.mark.parametrize(
    "error, words, ask",
    [
        (NotComparable, "L1H1", lambda drop: drop("L1H1").beats(cc.random_heads(like="L1H2"), share=0.9)),
        (NotComparable, "L0H1, L1H1", lambda drop: drop("L0H1, L1H1").beats(cc.random_heads(like="L1H1"), share=0.9)),
        (NotComparable, "whole layers", lambda drop: drop("L1.attn").beats(cc.random_heads(like="L1.attn"), share=0.9)),
        (NotComparable, "whole", lambda drop: drop("L1H1, L0.mlp").beats(cc.random_heads(like="L1H1, L0.mlp"), share=0.9)),
        (UnknownUnit, "nothing else", lambda drop: drop("L1H0-7").beats(cc.random_heads(like="L1H0-7"), share=0.9)),
        (UnknownUnit, "L1H8", lambda drop: drop("L1H1").beats(cc.random_heads(like="L1H8"), share=0.9)),
        *((ValueError, "share", lambda drop, x=x: drop("L1H1").beats(cc.random_heads(like="L1H1"), share=x))
          for x in (0, 1, -0.5, 1.5, 95, float("nan"))),
        *((BadTask, "prompts", lambda drop, n=n: drop("L1H1").beats(cc.random_heads(like="L1H1"), share=0.9, prompts=n))
          for n in (1, 0, -5)),
        *((BadIntervention, "draws", lambda drop, n=n: cc.random_heads(like="L1H1", draws=n)) for n in (1, 0, -1)),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(drop, error, words, ask):
    with pytest.raises(error, match=words):
        ask(drop).decide()


@pytest.mark.parametrize(
    "like, others",
    [
        ("L1H2.q", ["L1H0.q", "L1H1.q", "L1H3.q"]),
        ("L1H1.k", ["L1H0.k"]),
        ("L1H0.v, L1H1.v", []),
        ("L0.mlp[3]", [f"L0.mlp[{i}]" for i in range(64) if i != 3]),
    ],
)
@pytest.mark.sampled(1)
def test_sites_with_peers_are_compared_with_each_of_them(tiny_llama, like, others):
    """Of two key/value heads there is one other; the layer's whole set has none."""
    ioi = cc.tasks.ioi().on_stream("test")
    model = cc.load(str(tiny_llama))

    def lost(sites):
        return ioi.logit_diff(model) - ioi.logit_diff(model.ablate(sites, kind="counterfactual", source="abc"))

    question = lambda: lost(like).beats(cc.random_sites(like=like), share=0.5, prompts=8)  # noqa: E731
    if not others:
        with pytest.raises(UnknownUnit, match="nothing else is like"):
            question().decide()
        return
    control = question().decide().control
    effects = {other: lost(other).values(8).mean() for other in others}
    strongest = max(effects, key=effects.get)
    assert control.matched == len(others)
    assert control.strongest_effect == pytest.approx(effects[strongest], abs=1e-5)
    assert control.strongest.removeprefix("key/value head ") == strongest.removesuffix(".q").removesuffix(".k")


def test_heads_and_sites_are_told_apart(drop):
    with pytest.raises(NotComparable, match=r"must name heads.*cc\.random_sites"):
        drop("L1H1").beats(cc.random_heads(like="L1H1.k"), share=0.9)
