"""Fixtures for a hypotheses folder: its conftest.py says `from circuitcheck.fixtures import *`."""

import pytest

from circuitcheck import tasks
from circuitcheck.quantities import Model, Task

__all__ = [
    "capital",
    "fruit",
    "gendered_pronoun",
    "greater_than",
    "induction",
    "ioi",
    "model",
    "quoted_speech",
    "syllogism",
]


@pytest.fixture(scope="session")
def model(circuit_model: Model) -> Model:
    """The model that the claim names."""
    return circuit_model


@pytest.fixture(scope="session")
def ioi() -> Task:
    """Indirect object identification."""
    return tasks.ioi()


@pytest.fixture(scope="session")
def capital() -> Task:
    """Entity binding: who lives in the capital of which country."""
    return tasks.entity_binding("capital")


@pytest.fixture(scope="session")
def fruit() -> Task:
    """Entity binding: who has which fruit."""
    return tasks.entity_binding("fruit")


@pytest.fixture(scope="session")
def syllogism() -> Task:
    """From "all A are X, not Y" and "N are A" to "N are X"."""
    return tasks.syllogism()


@pytest.fixture(scope="session")
def quoted_speech() -> Task:
    """A verb of saying that comes again after a second quotation."""
    return tasks.quoted_speech()


@pytest.fixture(scope="session")
def induction() -> Task:
    """A word that comes again, and what followed it."""
    return tasks.induction()


@pytest.fixture(scope="session")
def greater_than() -> Task:
    """A later year."""
    return tasks.greater_than()


@pytest.fixture(scope="session")
def gendered_pronoun() -> Task:
    """A name's usual pronoun."""
    return tasks.gendered_pronoun()
