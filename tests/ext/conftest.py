"""A tiny model, and registries that are as they were after each test."""

import pytest

import circuitcheck as cc
from circuitcheck import tasks
from circuitcheck.plan import SITE_KINDS
from circuitcheck.quantities import metrics
from circuitcheck.session import session


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture
def ioi():
    return cc.tasks.ioi()


@pytest.fixture(autouse=True)
def nothing_stays_registered(monkeypatch):
    """But kernels and readouts, which are of types that a test makes for itself."""
    monkeypatch.setattr(tasks, "_REGISTERED", dict(tasks._REGISTERED))
    monkeypatch.setattr(tasks, "_GIVEN", dict(tasks._GIVEN))
    monkeypatch.setattr(metrics, "_NAMED", dict(metrics._NAMED))
    monkeypatch.setattr(session, "_ENGINES", dict(session._ENGINES))
    kinds = dict(SITE_KINDS)
    yield
    SITE_KINDS.clear()
    SITE_KINDS.update(kinds)
