"""Hooks that a conftest.py or a plugin may implement. They hold for the whole run, whichever folder implements them.

Each is asked for by its name alone; who implements one takes those of its arguments that it needs."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from circuitcheck.plan import Metric
    from circuitcheck.quantities import Model, Task


@pytest.hookspec(firstresult=True)
def pytest_circuit_load_model(spec: object, arguments: Mapping[str, Any]) -> "Model | object | None":
    """The model for what a claim calls `spec`, or a test gives to `load_model(spec, **arguments)`: a `cc.Model`, a
    TransformerBridge or a HookedTransformer. None leaves it to the next, at last to `cc.load`. The first that gives one is
    asked alone.

    It may raise `ModelUnavailable`, which skips the test, as that of `cc.load` does. Results have the spec that the claim
    names, and the fingerprint of the model that was given."""


@pytest.hookspec(historic=True)
def pytest_circuit_register_tasks() -> "Mapping[str, Callable[[], Task]] | None":
    """Tasks by name, each as a function that makes it: `cc.tasks.NAME()` and the fixture NAME give it. Called once a run has
    a claim, and for a conftest that is found later, when it is. A name that is taken is a usage error."""


@pytest.hookspec(historic=True)
def pytest_circuit_register_metrics() -> "Mapping[str, Metric | Callable[[Any, Any], Any]] | None":
    """Metrics by name, for `task.metric(NAME, view)`: one with a readout, or a function of (logits, prompts). Called like
    the hook for tasks."""


@pytest.hookspec
def pytest_circuit_claim_finished(result: dict[str, Any]) -> None:
    """A claim has a result: what the JSON report holds of it. To change it changes nothing. Called where reports are made,
    under xdist in the controller, which knows the conftests of the folders that pytest is given. Called again with the
    verdict "error" where the test's teardown fails; never for a claim that does not come back.

    What it raises is shown at the end, and fails the run."""


@pytest.hookspec
def pytest_circuit_update_report(report: dict[str, Any]) -> Mapping[str, Any] | None:
    """What to add to the JSON report: names with what JSON can hold, which go to `report["extra"]`. `report` is a copy of
    it. Called before reports are written, where --circuit-report asks for one.

    What it raises, a name that another gave, a value that is not JSON, or a change of the copy, is shown at the end and
    fails the run; the report is written without `extra`."""
