"""`cc.all_of` and `cc.any_of`: one verdict from several, wrong no more often than one."""

import copy
import pickle
from itertools import product

import pytest

import circuitcheck as cc
from circuitcheck.errors import Inconclusive, NotComparable, VacuousIntervention

SAMPLES = 64
S, R, I = "supported", "refuted", "inconclusive"  # noqa: E741
ALL_OF = {(S, S): S, (S, R): R, (S, I): I, (R, R): R, (R, I): R, (I, I): I}
ANY_OF = {(S, S): S, (S, R): S, (S, I): S, (R, R): R, (R, I): I, (I, I): I}


@pytest.fixture(scope="module")
def sessions(shared_session):
    """sessions(samples=32): one for each kind of settings, so that nothing is measured twice in this module."""
    made = {}

    def session(**changes):
        key = tuple(changes.items())
        if key not in made:
            made[key] = cc.Session(cc.Settings(**changes), make_engine=lambda _: shared_session.engine)
        return made[key]

    return session


@pytest.fixture
def budget(sessions):
    """Few prompts, so that a threshold at their mean decides nothing."""
    with cc.use_session(sessions(samples=SAMPLES)) as session:
        yield session


@pytest.fixture
def one_look(sessions):
    with cc.use_session(sessions(samples=32)) as session:
        yield session


@pytest.fixture
def nothing_measured(with_settings):
    with with_settings(samples=SAMPLES) as session:
        yield session


@pytest.fixture
def quantities(ioi, model):
    return [ioi.logit_diff(view) for view in (model, model.on("abc"), model.on("swap"))]


def clear(quantity, verdict):
    """A question with this verdict, far from its threshold or on it."""
    return {S: quantity < 100, R: quantity > 100, I: quantity < quantity.values(SAMPLES).mean()}[verdict]


def verdict(question):
    return question.decide().decision.verdict


def high(quantity, error):
    """The upper end of the one-look interval with this two-sided error."""
    return quantity.estimate(32, confidence=1 - error).high


def between(quantity, *errors):
    """A threshold below which the quantity lies at the larger error, and not at the smaller."""
    loose, strict = (high(quantity, error) for error in errors)
    assert loose < strict
    return (loose + strict) / 2


# The truth table


@pytest.mark.parametrize("pair", list(product((S, R, I), repeat=2)), ids="-".join)
@pytest.mark.parametrize("combine, table", [(cc.all_of, ALL_OF), (cc.any_of, ANY_OF)], ids=["all_of", "any_of"])
@pytest.mark.sampled(5)
def test_two_clear_parts_give_what_logic_gives(budget, quantities, combine, table, pair):
    question = combine(*(clear(quantity, part) for quantity, part in zip(quantities, pair, strict=False)))
    expected = table.get(pair) or table[pair[::-1]]
    assert verdict(question) == expected
    assert tuple(part.decision.verdict for part in question.decide().parts) == pair


def test_a_truth_value_is_the_verdict_and_an_undecided_one_raises(budget, quantities):
    a, b, _ = quantities
    assert cc.all_of(clear(a, S), clear(b, S))
    assert not cc.all_of(clear(a, S), clear(b, R))
    assert cc.any_of(clear(a, R), clear(b, S))
    for combine in (cc.all_of, cc.any_of):
        undecided = combine(clear(a, I), clear(b, I))
        assert undecided.decide().decision.reason
        with pytest.raises(Inconclusive):
            bool(undecided)


# Levels


def test_support_of_any_takes_a_part_that_is_supported_at_the_split_level(one_look, quantities):
    a, b, _ = quantities
    barely, undecided = a < between(a, 0.05, 0.025), b < b.values(32).mean()
    assert verdict(barely) == S
    assert verdict(cc.any_of(a < between(a, 0.05, 0.025), undecided)) == I
    assert verdict(cc.any_of(a < between(a, 0.05, 0.025), clear(b, R))) == I
    assert verdict(cc.any_of(a < high(a, 0.025) + 1e-6, undecided)) == S


def test_refutation_of_all_takes_a_part_that_is_refuted_at_the_split_level(one_look, quantities):
    a, b, _ = quantities
    undecided = b < b.values(32).mean()
    assert verdict(a > between(a, 0.05, 0.025)) == R
    assert verdict(cc.all_of(a > between(a, 0.05, 0.025), undecided)) == I
    assert verdict(cc.all_of(a > between(a, 0.05, 0.025), clear(b, S))) == I
    assert verdict(cc.all_of(a > high(a, 0.025) + 1e-6, undecided)) == R


def test_all_supported_and_all_refuted_need_no_split(one_look, quantities):
    barely = [between(quantity, 0.05, 0.025) for quantity in quantities]
    assert verdict(cc.all_of(*(quantity < x for quantity, x in zip(quantities, barely, strict=True)))) == S
    assert verdict(cc.any_of(*(quantity > x for quantity, x in zip(quantities, barely, strict=True)))) == R


def test_the_error_is_split_over_as_many_parts_as_there_are(one_look, quantities):
    a, b, c = quantities
    enough_for_two = between(a, 0.05 / 2, 0.05 / 3)
    assert verdict(cc.any_of(a < enough_for_two, clear(b, R))) == S
    assert verdict(cc.any_of(a < enough_for_two, clear(b, R), clear(c, R))) == I
    assert verdict(cc.all_of(a > enough_for_two, clear(b, S))) == R
    assert verdict(cc.all_of(a > enough_for_two, clear(b, S), clear(c, S))) == I


def test_the_error_that_is_split_is_that_of_the_settings(sessions, quantities):
    a, b, _ = quantities
    with cc.use_session(sessions(samples=32, confidence=0.99)):
        assert verdict(a < between(a, 0.01, 0.005)) == S
        assert verdict(cc.any_of(a < between(a, 0.01, 0.005), clear(b, R))) == I
        assert verdict(cc.any_of(a < high(a, 0.005) + 1e-6, clear(b, R))) == S


# Nesting


@pytest.mark.parametrize(
    "build, expected",
    [
        (lambda s, r, i: cc.all_of(cc.any_of(r(), s()), s()), S),
        (lambda s, r, i: cc.all_of(cc.any_of(r(), r()), s()), R),
        (lambda s, r, i: cc.all_of(cc.any_of(r(), i()), s()), I),
        (lambda s, r, i: cc.any_of(cc.all_of(s(), r()), r()), R),
        (lambda s, r, i: cc.any_of(cc.all_of(s(), s()), i()), S),
        (lambda s, r, i: cc.any_of(cc.all_of(s(), i()), r()), I),
        (lambda s, r, i: cc.all_of(cc.all_of(s(), cc.any_of(s(), i())), cc.any_of(s(), r())), S),
    ],
)
def test_composites_are_parts_of_composites(budget, quantities, build, expected):
    a = quantities[0]
    assert verdict(build(*(lambda part=part: clear(a, part) for part in (S, R, I)))) == expected


def test_an_any_inside_an_any_splits_the_error_again(one_look, quantities):
    a, b, c = quantities
    enough_for_two = between(a, 0.05 / 2, 0.05 / 4)
    assert verdict(cc.any_of(a < enough_for_two, clear(b, R))) == S
    assert verdict(cc.any_of(cc.any_of(a < enough_for_two, clear(b, R)), clear(c, R))) == I
    assert verdict(cc.any_of(cc.any_of(a < high(a, 0.0125) + 1e-6, clear(b, R)), clear(c, R))) == S


def test_an_any_inside_an_all_is_refuted_at_the_level_of_the_all(one_look, quantities):
    a, b, c = quantities
    inner = [quantity > between(quantity, 0.05, 0.025) for quantity in (a, b)]
    assert verdict(cc.any_of(*inner)) == R
    again = [quantity > between(quantity, 0.05, 0.025) for quantity in (a, b)]
    assert verdict(cc.all_of(cc.any_of(*again), clear(c, S))) == I


# One question


def test_it_measures_once_and_keeps_its_verdict(nothing_measured, quantities):
    a, b, _ = quantities
    question = cc.all_of(a < 100, b < 100)
    assert nothing_measured.forward_passes == 0
    assert question.decide() is question.decide()
    spent = nothing_measured.forward_passes
    assert question
    assert nothing_measured.forward_passes == spent > 0


@pytest.mark.parametrize("look", [repr, copy.copy, copy.deepcopy, lambda q: pickle.loads(pickle.dumps(q))])
def test_looking_copying_and_pickling_never_ask(nothing_measured, quantities, look):
    question = cc.any_of(quantities[0] < 100, cc.all_of(quantities[1] > 0, quantities[2] < 1))
    look(question)
    assert nothing_measured.forward_passes == 0


def test_another_budget_asks_again(one_look, quantities):
    a, b, _ = quantities
    question = cc.any_of(a < a.values(64).mean(), b < b.values(64).mean())
    assert question.decide().decision.n == 32
    assert question.decide(samples=64).decision.n == 64


def test_the_result_shows_every_part(budget, quantities):
    a, b, _ = quantities
    result = cc.all_of(a < 100, b > 100).decide()
    assert [part.expression for part in result.parts] == [(a < 100).expression, (b > 100).expression]
    assert all(part.expression in result.describe() for part in result.parts)
    assert isinstance(cc.all_of(a < 100, b > 100), cc.Question)


def test_parts_may_be_about_other_prompts(budget, quantities, model, names_task):
    other = names_task(8).logit_diff(model)
    assert cc.all_of(quantities[0] < 100, other < 100)
    assert not cc.all_of(quantities[0] < 100, other > 100)


def test_a_vacuous_part_is_an_error_and_no_verdict(budget, quantities, ioi, model):
    twice = model.ablate("L0H1", kind="zero").ablate("L0H1", kind="zero")
    with pytest.raises(VacuousIntervention):
        cc.all_of(quantities[0] < 100, ioi.logit_diff(twice) < 100).decide()


@pytest.mark.parametrize("combine", [cc.all_of, cc.any_of])
@pytest.mark.parametrize(
    "parts",
    [
        lambda a: (),
        lambda a: (a < 1,),
        lambda a: ([a < 1, a < 2],),
        lambda a: (a < 1, True),
        lambda a: (False, a < 1),
        lambda a: (a < 1, 0.5),
        lambda a: (a < 1, a),
        lambda a: (a < 1, None),
        lambda a: (a < 1, "a < 1"),
    ],
)
def test_what_is_no_question_is_refused(quantities, combine, parts):
    with pytest.raises(NotComparable):
        combine(*parts(quantities[0]))
