"""What SmolLM2-135M-Instruct does on other tasks than indirect object identification, and on running text.

Looked at first on 32 prompts of the discovery stream, seed 0: logit difference 3.0 on induction (-.2 where the last word did
not occur before), 3.8 on years, 4.1 on pronouns (-3.7 with a name of the other gender), loss 3.8 nats after `!"` in stories.
"""

import pytest

import circuitcheck as cc

MODEL = "smollm2-135m-q4"


@cc.claim("Every IOI prompt has a positive logit difference", id="ioi.always", model=MODEL, expect="refuted")
def test_always(model, ioi):
    assert cc.forall(ioi.logit_diff(model) > 0)


@cc.claim("What followed a word before is preferred when the word comes again", id="induction.does-the-task", model=MODEL)
def test_induction(model, induction):
    assert induction.logit_diff(model) > 1


@cc.claim("Without the repetition there is nothing to prefer", id="induction.unseen", model=MODEL)
def test_induction_needs_the_repetition(model, induction):
    assert induction.logit_diff(model.on("unseen")) == cc.approx(0, abs=1.5)


@cc.claim("A war does not end before it began", id="greater-than.does-the-task", model=MODEL)
def test_greater_than(model, greater_than):
    assert greater_than.logit_diff(model) > 2


@cc.claim("A name of the other gender turns the pronoun round", id="pronoun.swap", model=MODEL)
def test_pronoun(model, gendered_pronoun):
    assert cc.all_of(
        gendered_pronoun.logit_diff(model) > 2,
        gendered_pronoun.logit_diff(model.on("swap")) < -2,
    )


@pytest.fixture(scope="module")
def after_quotations():
    return cc.corpus("stories", where=cc.after('!"'), context=64, name="after quotations")


@cc.claim("Who spoke is hard to tell right after a quotation: more than 2 nats", id="stories.after-quotations", model=MODEL)
def test_after_quotations(model, after_quotations):
    assert after_quotations.loss(model) > 2
