"""A tiny model, and registries that are as they were after each test."""

import pytest
from registries import put_back

import circuitcheck as cc


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
