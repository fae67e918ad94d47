"""A tiny model, and registries that are as they were after each test."""

import pytest
from loaded_once import models_loaded_once
from registries import put_back

import circuitcheck as cc


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
    return cc.tasks.ioi()


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    with put_back():
        yield
