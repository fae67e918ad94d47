"""The plugin as pytest loads it: options, the marker, fixtures. The hooks of claims, and all that they import, come with the
first claim: a run without claims is not to pay for them."""

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from circuitcheck.errors import BadSpec, ModelChanged, ModelUnavailable, UnknownDevice
from circuitcheck.plugin import hookspecs
from circuitcheck.plugin.header import header
from circuitcheck.plugin.options import (
    add_options,
    check_options,
    given_models,
    require_gpu,
    require_models,
    session_settings,
    shard_of,
)
from circuitcheck.plugin.progress import Progress
from circuitcheck.plugin.sharding import Sharding
from circuitcheck.plugin.sharing_out import share_out
from circuitcheck.plugin.stash import CHANGED, PROGRESS
from circuitcheck.settings import CLAIM_MARK

if TYPE_CHECKING:
    from circuitcheck.quantities import Dictionary, Model

_HOOKS = "circuitcheck-hooks"


def engage(config: pytest.Config) -> None:
    """Let the hooks of claims take part from here on; once."""
    if not config.pluginmanager.has_plugin(_HOOKS):
        from circuitcheck.plugin import hooks

        config.pluginmanager.register(hooks, _HOOKS)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_plugin_registered(plugin: object) -> None:
    """Raises UsageError for a hook that nobody calls. pytest finds it too, after collection, as an error of its own."""
    names = vars(plugin) if isinstance(plugin, ModuleType) else {}
    ours = [name for name in names if name.startswith("pytest_circuit_")]
    known = [name for name in vars(hookspecs) if name.startswith("pytest_circuit_")]
    for name in ours:
        if name not in known:
            place = getattr(plugin, "__file__", plugin)
            raise pytest.UsageError(f"{place}: there is no hook {name}; there are {', '.join(known)}.")


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{CLAIM_MARK}(claim): a circuit hypothesis; written @cc.claim(text, id=...)")
    progress = config.stash[PROGRESS] = Progress(config)
    config.add_cleanup(progress.close)
    share_out(config, session_settings(config).device)
    check_options(config)
    if require_gpu(config):
        _check_gpu(config)
    if shard := shard_of(config):
        config.pluginmanager.register(Sharding(*shard), "circuitcheck-sharding")
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        engage(config)  # xdist's controller collects nothing itself


def _check_gpu(config: pytest.Config) -> None:
    """Raises UsageError."""
    from circuitcheck.engine.torch.loading.devices import resolve_device  # late: it brings torch

    device = session_settings(config).device
    try:
        found = resolve_device("cuda" if device == "auto" else device)
    except UnknownDevice as error:
        raise pytest.UsageError(f"--circuit-require-gpu: {error}") from error
    if found.type != "cuda":
        raise pytest.UsageError(f"--circuit-require-gpu: --circuit-device {device} is no GPU; leave it out, or say cuda.")


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [header(session_settings(config))]
    if sys.flags.optimize:
        lines.append("circuitcheck: python -O strips asserts outside test modules: claims in helpers test nothing")
    return lines


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class) -> None:
    """Whoever writes a claim has imported its decorator."""
    if "circuitcheck.claims" in sys.modules:
        engage(collector.config)


@pytest.fixture(scope="session")
def circuit_device(pytestconfig: pytest.Config) -> str:
    """The device that models go to, as asked for."""
    return session_settings(pytestconfig).device


@pytest.fixture
def circuit_rng(request: pytest.FixtureRequest) -> random.Random:
    """A random generator seeded by --circuit-seed and the test's own name."""
    return random.Random(f"{session_settings(request.config).seed} {request.node.nodeid}")


@pytest.fixture(scope="session")
def load_model(pytestconfig: pytest.Config) -> "Iterator[Callable[..., Model]]":
    """`load_model(spec)` is what pytest_circuit_load_model gives for it, else `cc.load(spec)`; but a model that cannot be
    had skips the test.

    At the end the weights of every model given out are read again: they must be the ones that were loaded.
    """
    engage(pytestconfig)
    from circuitcheck.plugin.extending import model_of_hook
    from circuitcheck.quantities import load
    from circuitcheck.session import current_session

    given_out: list[Model] = []
    models = given_models(pytestconfig)

    def load_or_skip(spec: object, **arguments: Any) -> "Model":
        try:
            spec = models.get(spec, spec) if isinstance(spec, str) else spec
            given_out.append(model_of_hook(pytestconfig, spec, arguments) or load(spec, **arguments))
            return given_out[-1]
        except ModelUnavailable as error:
            if require_models(pytestconfig):
                raise
            pytest.skip(str(error))

    yield load_or_skip
    changed = {}
    for ref in dict.fromkeys(model.ref for model in given_out):
        try:
            current_session().engine.verify(ref)
        except ModelChanged as error:
            changed[ref.fingerprint] = str(error)
    if changed:
        pytestconfig.stash[CHANGED] = changed
        raise ModelChanged(" ".join(changed.values()))


@pytest.fixture
def saes(request: pytest.FixtureRequest) -> "Mapping[str, Dictionary]":
    """The dictionaries of features that the claim names, by name: `saes["query"][1669, 3489]`."""
    engage(request.config)
    from circuitcheck.plugin.collecting import claim_of
    from circuitcheck.plugin.dictionaries import ClaimDictionaries, specs_of

    return ClaimDictionaries(specs_of(request.config, claim_of(request.node)))


@pytest.fixture(scope="session")
def circuit_model(request: pytest.FixtureRequest, load_model: "Callable[..., Model]") -> "Model":
    """The model that the claim names."""
    if not hasattr(request, "param"):
        raise BadSpec("this test asks for a model, and names none: say @cc.claim(..., model=SPEC).")
    if request.param is None:
        why = "the claim is of any model, and none is named: --circuit-models SPEC[,SPEC]"
        if require_models(request.config):
            raise ModelUnavailable(why)
        pytest.skip(why)
    return load_model(request.param)
