"""A model in a session of its own, and the way to its inside."""

import numpy as np
import pytest
from loaded_once import models_loaded_once

import circuitcheck as cc
from circuitcheck.plan import Plan
from circuitcheck.prompts import PromptStream


@pytest.fixture(autouse=True)
def loaded_once():
    """Sessions are each test's own; what they hold of a folder is the same model, until a test changes it."""
    with models_loaded_once():
        yield


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture
def ioi():
    return cc.tasks.ioi().on_stream("test")  # values and samples beside what a claim would see


@pytest.fixture
def plan_of(ioi):
    """The plan that measures one view's logit difference, as the session would make it."""

    def make(view, batch=32):
        return Plan(view.card.ref, PromptStream(ioi.definition, "test", 0), ioi.logit_diff(view).cells, batch)

    return make


@pytest.fixture
def engine(model):
    return cc.current_session().engine


@pytest.fixture
def inside(model, engine):
    """The TransformerBridge that the engine runs."""
    return engine._pool.get(model.ref, "auto").model


@pytest.fixture
def values(ioi):
    def measure(view, n=32):
        found = ioi.logit_diff(view).values(n)
        assert np.isfinite(found).all()
        return found

    return measure
