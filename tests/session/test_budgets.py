"""A budget that grows because it decided nothing is a peek, and the result says so."""

from contextlib import contextmanager

import pytest

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.quantities import recording


class Claim:
    """As much of a running claim as a question sees."""

    def __init__(self, claim_id, settings):
        self.claim_id, self.settings = claim_id, settings

    def built(self, question):
        pass

    def asked(self, question):
        pass

    def adopted(self, questions):
        pass


@pytest.fixture(scope="module")
def inner():
    return LocalEngine("cpu")


@pytest.fixture
def session(inner):
    """With a budget of 32 prompts unless a question says otherwise."""
    with cc.use_session(cc.Session(cc.Settings(device="cpu", samples=32), make_engine=lambda _: inner)) as current:
        yield current


@pytest.fixture
def model(session, tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture
def ioi():
    return cc.tasks.ioi()


@pytest.fixture
def quantity(ioi, model):
    return ioi.logit_diff(model)


@pytest.fixture
def centre(quantity):
    """A threshold that 32 prompts leave open, and 64 too."""
    return quantity.values(32).mean()


@pytest.fixture
def claim(session):
    """`with claim("a", samples=64): ...`: inside the claim of that id."""

    @contextmanager
    def inside(claim_id, samples=32):
        with recording(Claim(claim_id, cc.Settings(device="cpu", samples=samples))):
            yield

    return inside


def flagged(result):
    return any("peeking" in warning for warning in result.warnings)


def undecided(question, **options):
    result = question.decide(**options)
    assert result.decision.verdict == "inconclusive"
    return result


# What is a peek


def test_a_first_question_is_no_peek_whatever_its_budget(quantity, centre):
    for samples in (32, 64, 128):
        assert not flagged((quantity + 0.001 * samples < centre).decide(samples=samples))


def test_raising_the_budget_of_a_question_that_ended_inconclusive_is_flagged(quantity, centre):
    question = quantity < centre
    assert not flagged(undecided(question))
    result = question.decide(samples=64)
    assert flagged(result)
    assert "peeking" in result.describe()
    (warning,) = [each for each in result.warnings if "peeking" in each]
    assert "64" in warning
    assert "32" in warning


@pytest.mark.parametrize(
    "ask",
    [
        lambda q, x: q < x,
        lambda q, x: q > x,
        lambda q, x: q < 100,
        lambda q, x: q == cc.approx(x, abs=0.01),
        lambda q, x: cc.tasks.ioi().logit_diff(cc.load(q.models[0].spec)) < x,
    ],
    ids=["same", "complement", "other-threshold", "margin", "written-again"],
)
def test_another_question_about_the_same_quantity_is_a_peek_at_a_larger_budget(quantity, centre, ask):
    undecided(quantity < centre)
    assert flagged(ask(quantity, centre).decide(samples=64))


def test_each_rise_is_flagged(quantity, centre):
    for samples, peek in ((32, False), (64, True), (128, True)):
        assert flagged((quantity < centre).decide(samples=samples)) == peek


def test_the_decided_end_of_a_peek_is_flagged_too(quantity, centre):
    undecided(quantity < centre)
    result = (quantity < centre + 50).decide(samples=64)
    assert (result.decision.verdict, flagged(result)) == ("supported", True)


def test_a_peek_does_not_wash_off_by_asking_once_more(quantity, centre):
    """64 prompts were chosen because 32 had decided nothing, however often they are asked."""
    undecided(quantity < centre)
    assert flagged(undecided(quantity < centre, samples=64))
    assert flagged((quantity < centre).decide(samples=64))
    assert flagged((quantity < 100).decide(samples=64))


def test_a_part_of_a_composite_claim_is_flagged(quantity, centre):
    def question():
        return cc.any_of(quantity < centre, quantity > 100)

    undecided(question())
    result = question().decide(samples=64)
    assert flagged(result) or any(flagged(part) for part in result.parts)
    assert "peeking" in result.describe()


# What is none


def test_another_threshold_at_the_same_budget_is_no_peek_and_measures_nothing_again(session, quantity, centre):
    undecided(quantity < centre)
    passes = session.forward_passes
    for question in (quantity < centre + 0.01, quantity > centre, quantity < 100, quantity == cc.approx(centre, abs=9)):
        assert not flagged(question.decide())
    assert session.forward_passes == passes == 32 + 32  # the prompts, and once more in another batch size


def test_a_smaller_budget_is_no_peek(quantity, centre):
    undecided(quantity < centre, samples=64)
    assert not flagged((quantity < centre).decide(samples=32))


def test_a_question_that_was_decided_may_be_asked_with_more(quantity):
    for samples in (32, 64, 128):
        result = (quantity < 100).decide(samples=samples)
        assert (result.decision.verdict, flagged(result)) == ("supported", False)


def test_other_quantities_prompts_and_sessions_are_other_questions(inner, ioi, model, quantity, centre):
    undecided(quantity < centre)
    for other in (
        ioi.logit_diff(model.on("abc")),
        ioi.on_stream("discovery").logit_diff(model),
        quantity.median(),
        ioi.logit_diff(model.ablate("L0H1", kind="zero")),
    ):
        assert not flagged((other < centre).decide(samples=64))
    with cc.use_session(cc.Session(cc.Settings(device="cpu"), make_engine=lambda _: inner)):
        assert not flagged((quantity < centre).decide(samples=64))


def test_looking_at_an_estimate_is_not_counted(quantity, centre):
    quantity.estimate(32)
    assert not flagged((quantity < centre).decide(samples=64))


# Claims


def test_a_claim_is_not_flagged_for_what_another_claim_asked(quantity, centre, claim):
    with claim("one"):
        undecided(quantity < centre)
    with claim("two", samples=64):
        assert not flagged((quantity < centre).decide())
    with claim("one", samples=64):
        assert flagged((quantity < centre).decide())


def test_what_was_asked_outside_any_claim_is_no_claims_peek(quantity, centre, claim):
    undecided(quantity < centre)
    with claim("one", samples=64):
        assert not flagged((quantity < centre).decide())


def test_two_thresholds_of_one_claim_share_their_prompts(session, quantity, centre, claim):
    with claim("one"):
        undecided(quantity < centre)
        passes = session.forward_passes
        assert not flagged((quantity < centre + 50).decide())
        assert not flagged((quantity > centre - 50).decide())
    assert session.forward_passes == passes


# Prompts that were run


def test_forward_passes_count_every_prompt_that_was_run(session, ioi, model):
    assert session.forward_passes == 0
    quantity = ioi.logit_diff(model)
    quantity.values(32)
    assert session.forward_passes == 32
    assert quantity < 100
    assert session.forward_passes == 64  # the noise floor's
    quantity.values(64)
    assert session.forward_passes == 96
    ioi.logit_diff(model.ablate("L0H1", kind="zero")).values(64)
    assert session.forward_passes == 160
