"""Head sets that are drawn, and effects that are ahead by chance: on an engine whose effects are known."""

import math
from collections import Counter
from contextlib import contextmanager
from functools import cache
from itertools import count, islice
from math import comb

import numpy as np
import pytest
from known_effects import KnownEffects, sets_run
from scipy.stats import chisquare

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.places import Head
from circuitcheck.sampling import Tally
from circuitcheck.selftest.planted import plant
from circuitcheck.stats import skew_guarded

FOUR = "L0H0, L0H1, L1H0, L1H1"
SETS_LIKE_FOUR = comb(12, 2) ** 2 - 1
PROMPTS = 16
ALPHA = 0.05


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted") / "model", words=8)


@pytest.fixture(scope="module")
def inner():
    return LocalEngine("cpu")


@pytest.fixture
def known(planted, inner):
    """`with known(effect) as (drop, session)`: drop(heads) is what ablating them takes away."""

    @contextmanager
    def use(effect, *, seed=0, heads=12, drift=0.0):
        engine = KnownEffects(inner, effect, heads=heads, drift=drift)
        with cc.use_session(cc.Session(cc.Settings(device="cpu", seed=seed), make_engine=lambda _: engine)) as session:
            model, metric = cc.load(str(planted.folder)), planted.effects.logit_diff
            yield lambda names: metric(model) - metric(model.ablate(names, kind="zero", at="END")), session

    return use


@cache
def noise(head, row, seed):
    return np.random.default_rng([seed, head.layer, head.head, row]).normal()


def first_two_matter(head, row, seed):
    return 3.0 * (head.head < 2) + 0.1 * noise(head, row, seed)


def asked(drop, like=FOUR, share=0.95, prompts=PROMPTS, **options):
    return drop(like).beats(cc.random_heads(like=like, **options), share=share, prompts=prompts).decide()


# Which sets are compared


def test_more_than_1000_sets_are_drawn_and_not_enumerated(known):
    with known(first_two_matter) as (drop, session):
        result = asked(drop)
    assert result.decision.verdict == "supported"
    assert result.control.matched == SETS_LIKE_FOUR > 1000
    assert (result.control.tally.all_sets, result.decision.census) == (False, False)
    assert len(sets_run(session.engine.runs)) <= result.control.tally.draws + 2  # the claimed set, and the whole model
    assert result.decision.low == result.decision.estimate == result.decision.high == 1


@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("heads, complete", [(1001, True), (1002, False)])
def test_1000_sets_are_compared_one_and_all_and_1001_are_drawn(known, heads, complete):
    with known(lambda head, row, _: float(head.head < 500) + row / 100, heads=heads) as (drop, _):
        result = asked(drop, "L0H7", 0.5, 2, draws=32)
    assert result.control.matched == heads - 1
    assert result.control.tally.all_sets == complete
    if complete:
        assert (result.control.tally.draws, result.control.tally.ties) == (1000, 499)


def test_every_set_is_measured_on_the_same_prompts_and_has_as_many_heads_of_each_layer(known):
    with known(first_two_matter) as (drop, session):
        asked(drop)
    rows = {}
    for asked_rows, plan in session.engine.runs:
        assert (plan.prompts.stream, plan.prompts.seed) == ("test", 0)
        for heads in sets_run([(asked_rows, plan)]):
            rows.setdefault(heads, set()).update(asked_rows if plan.batch == 32 else ())
    drawn = [heads for heads in rows if heads]
    claimed = tuple(Head(layer, head) for layer, head in ((0, 0), (0, 1), (1, 0), (1, 1)))
    assert rows[claimed] == set(range(32))  # what its own result keeps for later comparisons
    assert {frozenset(rows[heads]) for heads in drawn if heads != claimed} == {frozenset(range(PROMPTS))}
    assert {tuple(Counter(head.layer for head in heads).values()) for heads in drawn} == {(2, 2)}


def test_one_seed_draws_the_same_sets_and_another_draws_others(known):
    def drawn(**options):
        with known(first_two_matter, seed=options.pop("session", 0)) as (drop, session):
            control = asked(drop, draws=16, **options).control
        return control.seed, sets_run(session.engine.runs)

    first, other = drawn(), drawn(seed=5)
    assert first == drawn(seed=0)
    assert other == drawn(session=5)
    assert (first[0], other[0]) == (0, 5)
    assert len(set(first[1]) & set(other[1])) < 6


@pytest.mark.slow
def test_each_other_set_is_as_likely_as_any_and_the_claimed_one_is_never_drawn(known):
    """Half are beaten and half ahead, so that every draw is taken; the claimed set would tie with itself."""

    def effect(head, row, seed):
        return head.head + 0.1 * noise(head, row, seed)

    with known(effect, heads=1100, seed=1) as (drop, session):
        tally = asked(drop, "L0H550", 0.5, draws=800).control.tally
        drawn = [heads[0].head for heads in sets_run(session.engine.runs) if heads and heads[0].head != 550]
    assert (tally.draws, tally.ties, tally.all_sets) == (800, 0, False)
    assert len(drawn) == pytest.approx(1099 * (1 - math.exp(-800 / 1099)), abs=50)
    assert chisquare(np.histogram(drawn, bins=11, range=(0, 1100))[0]).pvalue > 1e-4


# When it stops


def test_drawing_stops_at_the_first_stage_that_tells(known):
    with known(first_two_matter) as (drop, _):
        result = asked(drop)
    assert (result.decision.verdict, result.control.tally) == ("supported", Tally(128, 128, 0, 128, 0, 0, False))


def test_an_effect_that_beats_few_is_refuted_at_the_first_stage(known):
    with known(lambda head, row, seed: -first_two_matter(head, row, seed)) as (drop, _):
        result = asked(drop)
    assert (result.decision.verdict, result.control.tally.draws) == ("refuted", 128)


def nearly_all(head, row, seed):
    """Of sets of one head of 1,100, 2% are ahead of H0."""
    return (2.0 if 0 < head.head <= 22 else 1.0 if head.head == 0 else 0.0) + 0.1 * noise(head, row, seed)


@pytest.mark.slow
def test_sets_are_added_where_no_number_of_prompts_would_tell(known):
    """Of 128 sets none may be ahead, of 256 four, of 512 thirteen."""
    with known(nearly_all, heads=1100) as (drop, _):
        result = asked(drop, "L0H0", prompts=128)
    assert result.decision.verdict == "supported"
    assert result.control.tally.draws > 128
    assert result.control.tally.ahead > 0


@pytest.mark.parametrize("draws, verdict", [(85, "inconclusive"), (86, "supported")])
def test_no_more_than_the_allowed_sets_are_drawn(known, draws, verdict):
    """0.95^86 is the first power below a quarter of the error."""
    assert 0.95**85 > ALPHA / 4 > 0.95**86
    with known(first_two_matter) as (drop, _):
        result = asked(drop, draws=draws)
    assert (result.control.tally.beaten, result.decision.verdict) == (draws, verdict)
    assert ("draws" in result.decision.reason) == (verdict == "inconclusive")


def test_a_set_without_a_number_counts_neither_way_and_is_said(known):
    with known(lambda head, row, seed: float("nan") if head.head == 3 else 2.0 * (head.head == 1) + noise(head, row, seed),
               heads=8) as (drop, _):  # fmt: skip
        result = asked(drop, "L1H1", 0.95, 64)
    tally = result.control.tally
    assert (tally.draws, tally.beaten, tally.ahead, tally.undefined) == (7, 6, 0, 1)
    assert result.decision.verdict == "inconclusive"
    assert any("1 of 7 head sets gave no finite number" in each for each in result.warnings)


# Ahead by chance


def all_equal(head, row, seed):
    return 1.0 + 5.0 * noise(head, row, seed)


def ahead_of(head, others, prompts, seed):
    own = np.array([all_equal(head, row, seed) for row in range(prompts)])
    return [own - [all_equal(other, row, seed) for row in range(prompts)] for other in others]


@pytest.mark.parametrize("prompts", [8])
def test_noise_that_is_ahead_of_all_others_by_chance_is_never_supported(known, prompts):
    claimed, others = Head(1, 1), [Head(1, i) for i in range(8) if i != 1]
    lucky = (s for s in count() if min(d.mean() for d in ahead_of(claimed, others, prompts, s)) > 0)
    for seed in islice(lucky, 8):
        shown = [skew_guarded(d, 0.025).low > 0 for d in ahead_of(claimed, others, prompts, seed)]
        with known(all_equal, seed=seed, heads=8) as (drop, _):
            result = asked(drop, "L1H1", 0.95, prompts)
        assert result.control.tally == Tally(7, 7, 0, sum(shown), 0, 0, True)
        assert result.decision.verdict == "inconclusive"
        assert "prompts" in result.decision.reason


@pytest.mark.parametrize("drift, ties", [(0.0, 0), (0.05, 0), (0.2, 6), (2.0, 7)])
def test_less_ahead_than_the_machine_may_add_is_a_tie(known, drift, ties):
    """The effect is the difference of two runs, so the machine may add twice the drift; six heads are 0.3 behind, one 3."""
    sizes = {1: 3.3, 2: 0.3}

    def effect(head, row, seed):
        return sizes.get(head.head, 3.0) + 0.1 * noise(head, row, seed)

    with known(effect, heads=8, drift=drift) as (drop, _):
        result = asked(drop, "L1H1", 0.1, 64)
    assert result.control.tally == Tally(7, 7 - ties, ties, 7 - ties, 0, 0, True)
