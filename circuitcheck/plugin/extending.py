"""What hooks of users give is looked at, put where it belongs, and what is wrong with it is said."""

import copy
import json
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from circuitcheck import tasks
from circuitcheck.errors import BadExtension, BadSpec
from circuitcheck.extensions import load_extensions
from circuitcheck.plugin.options import session_settings
from circuitcheck.quantities import Model, ModelView, load
from circuitcheck.quantities.metrics import register_metric
from circuitcheck.session import engine_names
from circuitcheck.text import first_line

_REFUSED = pytest.StashKey[list[str]]()  # what cannot be registered
_WRONG = pytest.StashKey[list[str]]()  # what hooks did that tell of results
_PREFIX = "pytest_circuit_"


def register_extensions(config: pytest.Config) -> None:
    """Those of packages, then what the hooks give, now and from conftests that come later."""
    config.stash[_REFUSED] = []
    config.stash[_WRONG] = []
    _unless_refused(config, load_extensions)
    give_fixtures(config)
    _ask(config, "tasks", tasks.register_task, "{name: function that makes a task}")
    _ask(config, "metrics", register_metric, "{name: metric}")


def check_registered(config: pytest.Config) -> None:
    """Raises UsageError for all that cannot be registered."""
    engine, refused = session_settings(config).engine, config.stash[_REFUSED]
    if engine not in engine_names():
        refused.append(f"--circuit-engine {engine!r} is none; there are {', '.join(engine_names())}.")
    if refused:
        raise pytest.UsageError(" ".join(refused))


def _ask(config: pytest.Config, what: str, register: Callable[[str, Any], None], form: str) -> None:
    name = f"{_PREFIX}register_{what}"

    def take(given: object) -> None:
        if not isinstance(given, Mapping):
            config.stash[_REFUSED].append(f"{name} gave {type(given).__name__}; expected {form}.")
            return
        for key, each in given.items():
            _unless_refused(config, partial(register, key, each), f"{name}: ")
        give_fixtures(config)

    try:
        getattr(config.hook, name).call_historic(result_callback=take)
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything
        config.stash[_REFUSED].append(f"{name} raised {_said(error)}.")


def _unless_refused(config: pytest.Config, act: Callable[[], object], where: str = "") -> None:
    try:
        act()
    except BadExtension as error:
        config.stash[_REFUSED].append(f"{where}{error}")


def give_fixtures(config: pytest.Config) -> None:
    """A fixture for each registered task that has none yet. Names of other fixtures are refused."""
    manager = config.pluginmanager.get_plugin("funcmanage")
    taken = (lambda name: manager.getfixturedefs(name, manager.session)) if manager else lambda _: ()
    for name in tasks.registered_tasks():
        plugin = f"circuitcheck-task-{name}"
        if config.pluginmanager.has_plugin(plugin):
            continue
        if taken(name):
            config.stash[_REFUSED].append(f"there is a fixture called {name!r} already: give your task another name.")
            continue
        holder = ModuleType(plugin)
        setattr(holder, name, _fixture(name))
        config.pluginmanager.register(holder, plugin)


def _fixture(name: str) -> Any:
    @pytest.fixture(scope="session", name=name)
    def registered_task() -> Any:
        return getattr(tasks, name)()

    return registered_task


def model_of_hook(config: pytest.Config, spec: object, arguments: Mapping[str, Any]) -> Model | None:
    """What pytest_circuit_load_model gives, if anything. Raises BadSpec for what is no model."""
    given = config.hook.pytest_circuit_load_model(spec=spec, arguments=dict(arguments))
    if given is None or isinstance(given, Model):
        return given
    if isinstance(given, str | Path | ModelView):
        raise BadSpec(
            f"pytest_circuit_load_model gave {given!r} for {spec!r}; expected a model, as of cc.load(...), a "
            f"TransformerBridge or a HookedTransformer, or None."
        )
    return load(given)


def tell_finished(config: pytest.Config, result: dict[str, Any]) -> None:
    """Of each result, those who want to know. The log has packed it by then: what they make of it goes nowhere."""
    try:
        given = config.hook.pytest_circuit_claim_finished(result=result)
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything, and results still arrive
        config.stash[_WRONG].append(f"pytest_circuit_claim_finished raised {_said(error)} for claim {result['id']}")
        return
    if given:
        config.stash[_WRONG].append(
            f"pytest_circuit_claim_finished gave {type(given[0]).__name__} for claim {result['id']}; what it gives is not "
            f"used. Expected None: pytest_circuit_update_report adds to reports"
        )


def extra_of(config: pytest.Config, report: dict[str, Any]) -> dict[str, Any]:
    """What hooks add to a report. Nothing, where one of them is wrong."""
    shown = copy.deepcopy(report)
    try:
        given = config.hook.pytest_circuit_update_report(report=shown)
        found = _together(given)
        json.dumps(found, allow_nan=False)
        if shown != report:
            raise ValueError("it changes the report, which is a copy: give what is to be added, {name: value}")
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything, and the report is written
        config.stash[_WRONG].append(f"pytest_circuit_update_report: nothing is added to the report: {_said(error)}")
        return {}
    return found


def _together(given: list[Any]) -> dict[str, Any]:
    """Raises ValueError for what is no mapping of names, or for one name of two."""
    found: dict[str, Any] = {}
    for each in given:
        if not isinstance(each, Mapping) or not all(isinstance(name, str) for name in each):
            raise ValueError(f"it gave {type(each).__name__}; expected {{name: value}}")
        if twice := sorted(set(found) & set(each)):
            raise ValueError(f"two of them give {twice[0]!r}")
        found.update(each)
    return found


def wrong_with_hooks(config: pytest.Config) -> list[str]:
    """Each once, in the order in which it happened."""
    wrong = config.stash.get(_WRONG, None)
    return list(dict.fromkeys(wrong or ()))


def _said(error: Exception) -> str:
    """With the line of the user's file, where it happened there."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = "" if Path(last.filename).parent == Path(__file__).parent else f" ({Path(last.filename).name}:{last.lineno})"
    return f"{type(error).__name__}: {first_line(error)}{where}"
