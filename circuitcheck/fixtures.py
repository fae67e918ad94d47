"""Fixtures for a hypotheses folder: its conftest.py says `from circuitcheck.fixtures import *`."""

import pytest

from circuitcheck import tasks
from circuitcheck.quantities import Model, Task

__all__ = ["ioi", "model"]


@pytest.fixture(scope="session")
def model(circuit_model: Model) -> Model:
    """The model that the claim names."""
    return circuit_model


@pytest.fixture(scope="session")
def ioi() -> Task:
    """Indirect object identification."""
    return tasks.ioi()
