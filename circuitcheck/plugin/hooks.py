"""The plugin as pytest sees it: options, hooks, fixtures, and nothing else."""

import random
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from circuitcheck.claims import MARK, advice
from circuitcheck.errors import BadSpec, ModelChanged, ModelUnavailable
from circuitcheck.plugin.collecting import check_claims, claim_of, expect_refutation, parametrize_model
from circuitcheck.plugin.options import (
    add_options,
    check_options,
    checkups,
    counterexamples,
    ledger,
    report_paths,
    require_models,
    session_settings,
    time_budget,
    value_of,
)
from circuitcheck.plugin.progress import Progress
from circuitcheck.plugin.running import attach, expect_in_subtest, is_subtest, result_of, run_claim
from circuitcheck.quantities import Model, load
from circuitcheck.report import ClaimLog, environment, header, write_json, write_table
from circuitcheck.session import Session, current_session, use_session

_STACK = pytest.StashKey[ExitStack]()
_LOG = pytest.StashKey[ClaimLog]()
_CHANGED = pytest.StashKey[dict[str, str]]()  # fingerprints of models that are no longer what was loaded, and what was said
_PROGRESS = pytest.StashKey[Progress]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(claim): a circuit hypothesis; written @cc.claim(text, id=...)")
    progress = config.stash[_PROGRESS] = Progress(config)
    stack = config.stash[_STACK] = ExitStack()
    stack.callback(progress.close)
    stack.enter_context(
        use_session(
            Session(
                session_settings(config),
                progress=progress.prompts,
                counterexamples=counterexamples(config),
                checkups=checkups(config),
                ledger=ledger(config),
            )
        )
    )
    check_options(config)
    if not hasattr(config, "workerinput"):  # under xdist only the controller writes
        config.stash[_LOG] = ClaimLog()
        config.pluginmanager.register(config.stash[_LOG], "circuitcheck-log")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STACK in config.stash:
        config.stash[_STACK].close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [header(session_settings(config))]
    if sys.flags.optimize:
        lines.append("circuitcheck: python -O strips asserts outside test modules: claims in helpers test nothing")
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_model(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    check_claims(items)
    expect_refutation(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    claim = claim_of(item)
    if claim is not None:
        item.config.stash[_PROGRESS].start(claim.id)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    __tracebackhide__ = True
    claim = claim_of(pyfuncitem)
    if claim is None:
        return (yield)
    return (yield from run_claim(pyfuncitem, claim, current_session()))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if is_subtest(item):
        expect_in_subtest(item, call, report)
        return report
    result = result_of(item, call, report, current_session())
    if claim_of(item) is not None and (call.when == "call" or not report.passed):
        item.config.stash[_PROGRESS].stop()
    report.circuit_changed = item.config.stash.get(_CHANGED, {})  # type: ignore[attr-defined]
    if result is not None:
        attach(result, item, report, current_session().settings)
    return report


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    verdict = getattr(report, "circuit", {}).get("verdict")
    if report.failed and report.when == "call" and verdict in ("refuted", "inconclusive"):
        return "failed", verdict[0].upper(), verdict.upper()
    return None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    log = session.config.stash.get(_LOG, None)
    broken = exitstatus == pytest.ExitCode.USAGE_ERROR
    if log is not None and not broken and not session.config.getoption("collectonly"):  # an earlier report is kept
        for path in report_paths(session.config):
            write_json(path, log, environment(session_settings(session.config)), _advice(session.config, log))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    log = config.stash.get(_LOG, None)
    if log is not None and log.claims and value_of(config, "summary") != "off":
        write_table(terminalreporter, log, time_budget(config), _advice(config, log))
        for path in report_paths(config):
            terminalreporter.write_line(f"report: {path}")


def _advice(config: pytest.Config, log: ClaimLog) -> dict[str, Any] | None:
    return advice(log.claims, value_of(config, "correction"), 1 - session_settings(config).confidence)


@pytest.fixture(scope="session")
def circuit_device() -> str:
    """The device that models go to, as asked for."""
    return current_session().settings.device


@pytest.fixture
def circuit_rng(request: pytest.FixtureRequest) -> random.Random:
    """A random generator seeded by --circuit-seed and the test's own name."""
    return random.Random(f"{current_session().settings.seed} {request.node.nodeid}")


@pytest.fixture(scope="session")
def load_model(pytestconfig: pytest.Config) -> Iterator[Callable[..., Model]]:
    """`load_model(spec)` is `cc.load(spec)`, but a model that cannot be had skips the test.

    At the end the weights of every model given out are read again: they must be the ones that were loaded.
    """

    given_out: list[Model] = []

    def load_or_skip(spec: object, **arguments: Any) -> Model:
        try:
            given_out.append(load(spec, **arguments))
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
        pytestconfig.stash[_CHANGED] = changed
        raise ModelChanged(" ".join(changed.values()))


@pytest.fixture(scope="session")
def circuit_model(request: pytest.FixtureRequest, load_model: Callable[..., Model]) -> Model:
    """The model that the claim names."""
    if not hasattr(request, "param"):
        raise BadSpec("this test asks for a model, and names none: say @cc.claim(..., model=SPEC).")
    return load_model(request.param)
