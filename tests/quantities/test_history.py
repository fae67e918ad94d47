"""What a result was picked from: earlier tries that came out otherwise, and looks at the prompts it is judged on."""

import math

import numpy as np
import pytest
from known_effects import KnownEffects

import circuitcheck as cc
from circuitcheck.claims import ClaimRecorder
from circuitcheck.quantities import recording
from circuitcheck.quantities.questions.history import question_key, shape_of
from circuitcheck.session import Ledger

# The mean effect of L0H1 by seed: above 0 only under seed 2, and clearly.
MEANS = {0: 0.0, 1: -1.0, 2: 0.8}


def effect(head, row, seed):
    return MEANS[seed] + np.random.default_rng([row, seed]).normal() if str(head) == "L0H1" else 0.0


@pytest.fixture
def engine(shared_session):
    return KnownEffects(shared_session.engine, effect)


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def asking(engine, ledger, tiny_gpt2):
    """`asking(lambda q: q > 0, seed=2)`: the result of a question about the effect, in a process of its own."""

    def ask(question, *, seed=0, samples=32, scope="these_templates", ioi=None, kept=ledger, look=None):
        settings = cc.Settings(device="cpu", seed=seed, samples=samples, scope=scope)
        with cc.use_session(cc.Session(settings, make_engine=lambda _: engine, ledger=kept)):
            model, ioi = cc.load(str(tiny_gpt2)), ioi or cc.tasks.ioi()

            def without(head):
                return ioi.logit_diff(model) - ioi.logit_diff(model.ablate(head, kind="zero", allow_vacuous=True))

            looked = [without(head).estimate(32) for head in look or ()]
            return looked[0] if look else question(without("L0H1")).decide()

    return ask


def positive(quantity):
    return quantity > 0


def test_a_verdict_after_other_seeds_that_came_out_otherwise_says_which_try_it_is(asking):
    assert [asking(positive, seed=seed).decision.verdict for seed in (0, 1)] == ["inconclusive", "refuted"]
    third = asking(positive, seed=2)
    assert third.decision.verdict == "supported"
    assert third.tries.count == 3
    assert third.tries.level == pytest.approx(6 * 0.05 / (math.pi * 3) ** 2)
    assert [(each.seed, each.verdict) for each in third.tries.earlier] == [(0, "inconclusive"), (1, "refuted")]
    assert third.tries.holds == (third.tries.p <= third.tries.level)
    (said,) = [each for each in third.warnings if "asked before" in each]
    assert "seed 0, budget 32: inconclusive; seed 1, budget 32: refuted" in said
    assert said in third.describe()


def test_all_tries_there_will_ever_be_take_the_error_together():
    assert sum(6 * 0.05 / (math.pi * k) ** 2 for k in range(1, 10**5)) == pytest.approx(0.05, abs=1e-6)


def test_a_larger_budget_after_one_that_decided_nothing_is_another_try(asking):
    assert asking(lambda q: q > -0.3, samples=32).decision.verdict == "inconclusive"
    decided = asking(lambda q: q > -0.3, samples=512)
    assert decided.decision.verdict == "supported"
    assert [each.budget for each in decided.tries.earlier] == [32]


def test_the_first_try_and_the_same_try_again_are_never_flagged(asking):
    for _ in range(2):
        for seed in (2, 0, 1):
            first = asking(positive, seed=2)
            assert first.tries is None
            asking(positive, seed=seed)


def test_tries_that_came_out_alike_cost_nothing(asking):
    assert [asking(lambda q: q > -9, seed=seed).tries for seed in (0, 1, 2)] == [None] * 3


def test_only_tries_that_cannot_both_be_right_count_and_only_of_one_quantity(asking):
    assert asking(lambda q: q > 9, seed=0).decision.verdict == "refuted"
    assert asking(positive, seed=2).tries is None  # above 0 and below 9
    assert asking(lambda q: q > -0.3, seed=1).decision.verdict == "refuted"
    assert asking(positive, seed=2, samples=64).tries.count == 2  # above 0 and below -0.3
    assert asking(lambda q: 2 * q > 0, seed=2).tries is None


def test_a_result_that_decided_nothing_was_picked_from_nothing(asking):
    asking(positive, seed=2)
    assert asking(positive, seed=0).tries is None


def test_parts_of_one_question_are_flagged_each(asking):
    asking(positive, seed=0)
    joined = asking(lambda q: cc.any_of(q > 0, q > 100), seed=2)
    assert [part.tries is not None for part in joined.parts] == [True, False]  # nothing is against: not above 100
    assert any("asked before" in each for each in joined.warnings)


# Looks


def test_looking_goes_to_the_discovery_stream_and_costs_nothing(asking):
    assert asking(None, look=["L0H1"]).stream == "discovery"
    assert asking(positive, seed=2).looks is None


def test_a_look_at_the_prompts_of_a_claim_is_named(asking):
    asking(None, seed=2, look=["L0H1"], ioi=cc.tasks.ioi().on_stream("test"))
    assert asking(positive, seed=2).looks.views == 1  # not two: the model itself is no candidate
    asking(None, seed=2, look=["L0H2"], ioi=cc.tasks.ioi().on_stream("test"))
    found = asking(positive, seed=2)
    assert found.looks.views == 2
    assert found.looks.level == pytest.approx(0.05 / 2)
    assert any("2 views were looked at before on the test stream of ioi" in each for each in found.warnings)


def test_the_views_that_were_looked_at_are_named(asking):
    asking(None, seed=2, look=["L0H1", "L0H2", "L1H1", "L1H2"], ioi=cc.tasks.ioi().on_stream("test"))
    (said,) = [each for each in asking(positive, seed=2).warnings if "4 views were looked at" in each]
    named = "; ".join(f"logit_diff of zero ablation of {head} everywhere" for head in ("L0H1", "L0H2", "L1H1"))
    assert f"on the test stream of ioi ({named}; ...)" in said


def test_a_look_that_gave_no_number_is_none(asking, ledger):
    with pytest.raises(cc.BadTask, match="prompts in its test stream"):
        asking(lambda q: q.estimate(10**9), seed=2, ioi=cc.tasks.ioi().on_stream("test"))
    assert asking(positive, seed=2).looks is None


def test_for_new_templates_looks_at_other_prompts_of_the_same_templates_count(asking):
    asking(None, seed=2, look=["L0H1", "L0H2"])
    assert asking(positive, seed=2, samples=128).looks is None
    found = asking(positive, seed=2, samples=128, scope="new_templates")
    assert found.looks.views == 2
    assert any("prompts of these templates of ioi" in each for each in found.warnings)


def test_templates_of_one_half_share_nothing_with_the_other(asking):
    choose, claim = cc.tasks.ioi().split_templates()
    asking(None, seed=2, look=["L0H1", "L0H2"], ioi=choose)
    assert asking(positive, seed=2, samples=128, scope="new_templates", ioi=claim).looks is None
    assert asking(positive, seed=2, samples=128, scope="new_templates", ioi=choose).looks is not None


def test_halves_keep_variants_of_a_template_together_and_hold_all():
    one, other = ({each.id for each in half.definition.templates} for half in cc.tasks.ioi().split_templates())
    assert not {name.partition("/")[0] for name in one} & {name.partition("/")[0] for name in other}
    assert one | other == {each.id for each in cc.tasks.ioi().definition.templates}


def test_too_few_templates_cannot_be_split(names_task):
    with pytest.raises(cc.CircuitCheckError, match="1 template, .* takes 5 templates in each"):
        names_task(4).split_templates()


# Shapes


@pytest.mark.parametrize(
    "expression, shape",
    [
        (
            "ioi.recovered(mean ablation of L23H3 at END; against abc) < 0.75",
            "ioi.recovered(mean ablation of … at END; against abc) < …",
        ),
        ("a(zero ablation of L0H1, L2H3-5 everywhere) == 1 ± 0.1", "a(zero ablation of … everywhere) == …"),
        ("a(patching L3.resid_post from abc at S2[:]) > -2e-05", "a(patching … from abc at S2[:]) > …"),
        ("a(zero ablation of L3.mlp[12] at END) >= 3", "a(zero ablation of … at END) >= …"),
        ("a(removal of features quotes-q[120, 257-259] at END) > 0.2", "a(removal of features quotes-q[…] at END) > …"),
        ("L9H9 (END -> IO) of ioi != 0 ± 1", "… (END -> IO) of ioi != …"),
        ("accuracy(model) > 0.9", "accuracy(model) > …"),
    ],
)
def test_questions_of_one_search_have_one_shape(expression, shape):
    assert shape_of(expression) == shape


def test_functions_that_differ_in_a_number_are_two_questions(tiny_gpt2):
    ioi, model = cc.tasks.ioi(), cc.load(str(tiny_gpt2))

    def logit(token):
        return lambda logits, _prompts: logits[:, token]

    keys = {question_key(ioi.metric(logit(token), model), "these_templates") for token in (5, 5, 900)}
    assert len(keys) == 2


def test_a_comparison_outside_of_a_claim_is_a_look_for_the_claims_that_follow(tiny_gpt2):
    with cc.use_session(cc.Session()):  # with a ledger of its own
        ioi, model = cc.tasks.ioi(), cc.load(str(tiny_gpt2))
        assert ioi.logit_diff(model) < 90
        again = ioi.logit_diff(model) < 100
        assert again
        assert again.result.looks is None  # comparisons in a notebook are no looks for each other
        recorder = ClaimRecorder(cc.claim("text", id="a").args[0], cc.Settings())
        with recording(recorder):
            claimed = ioi.logit_diff(model) < 100
            assert claimed
        assert claimed.result.looks.views == 1
