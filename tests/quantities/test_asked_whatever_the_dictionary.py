"""What was asked is known again after a dictionary was replaced: by one with other weights, of another name and size.

How it could be fooled: by other features, or at another site, which is another question."""

import pytest
from tiny_dictionaries import tiny_sae

import circuitcheck as cc
from circuitcheck.quantities.questions.resting import asked_of

SITE = "L1.resid_post"


@pytest.fixture
def ioi():
    return cc.tasks.ioi()


@pytest.fixture
def load(tmp_path):
    """A dictionary of a folder, whose name is that of the dictionary."""

    def load(name, seed, features=32, at=SITE):
        tiny_sae(32, seed, features=features).save_model(tmp_path / name)
        return cc.sae(str(tmp_path / name), at=at)

    return load


ASKED = {
    "removed": lambda ioi, model, q: ioi.logit_diff(model.remove(q[3], at="END")),
    "through": lambda ioi, model, q: ioi.logit_diff(model.through(q, at="END")),
    "fires": lambda ioi, model, q: ioi.metric(cc.fires(q[3]), model),
    "l0": lambda ioi, model, q: ioi.metric(cc.l0(q), model) - ioi.metric(cc.l0(q), model.remove(q[3], at="END")),
    "together": lambda ioi, model, q: ioi.metric(cc.both(cc.fires(q[3]), cc.fires(q[4])), model),
    "error": lambda ioi, model, q: ioi.metric(cc.reconstruction_error(q), model),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_another_dictionary_is_the_same_question(ioi, model, load, ask):
    old, new = load("old", 0), load("new", 1, features=16)
    assert old.ref.fingerprint != new.ref.fingerprint
    assert asked_of(ask(ioi, model, old)) == asked_of(ask(ioi, model, new))
    elsewhere = load("elsewhere", 0, at="L2.resid_pre")
    assert asked_of(ask(ioi, model, old)) != asked_of(ask(ioi, model, elsewhere))


def test_other_features_or_another_of_two_dictionaries_are_another_question(ioi, model, load):
    one, other = load("one", 0), load("other", 1)
    fires = ioi.metric(cc.fires(one[3]), model.remove(one[3], at="END"))
    assert asked_of(fires) != asked_of(ioi.metric(cc.fires(one[4]), model.remove(one[3], at="END")))
    assert asked_of(fires) != asked_of(ioi.metric(cc.fires(one[3]), model.remove(one[4], at="END")))
    assert asked_of(fires) != asked_of(ioi.metric(cc.fires(other[3]), model.remove(one[3], at="END")))
