"""What claims add to a run of pytest: hooks, and nothing else. `entry` registers them once there is a claim."""

from collections.abc import Generator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from circuitcheck.plugin.by_model import scheduler_by_model
from circuitcheck.plugin.collecting import check_claims, check_models, claim_of, mark_claims, parametrize_model
from circuitcheck.plugin.dictionaries import check_names
from circuitcheck.plugin.drifting import compare_now, open_baseline, write_summary
from circuitcheck.plugin.extending import (
    check_registered,
    register_extensions,
    tell_finished,
    wrong_with_hooks,
)
from circuitcheck.plugin.options import (
    explain,
    journal_folder,
    options_again,
    session_settings,
    shard_of,
    time_budget,
    value_of,
)
from circuitcheck.plugin.registering import note_registered, open_lock, write_registered
from circuitcheck.plugin.reporting import ENVIRONMENT, report_of, tell_reports, write_reports
from circuitcheck.plugin.running import attach, expect_in_subtest, forget, is_subtest, result_of, run_claim, unfinished
from circuitcheck.plugin.signals import run_is_over, terminated_like_interrupted
from circuitcheck.plugin.stash import CHANGED, PROGRESS
from circuitcheck.plugin.stores import checkups, counterexamples, ledger
from circuitcheck.plugin.tracebacks import message_alone, shorten_traceback
from circuitcheck.plugin.workers import (
    hear,
    heard_from,
    note_refusal,
    notices_of,
    pass_on,
    prepare_worker,
    refusal_of,
    refuse,
    tell_controller,
    told_by_worker,
)
from circuitcheck.report import ClaimLog, Journal, environment, pass_lines, write_table
from circuitcheck.session import Session, current_session, use_session

_NAMED = 5  # tests in a line of the summary
_STACK = pytest.StashKey[ExitStack]()
_LOG = pytest.StashKey[ClaimLog]()
_SOUND = pytest.StashKey[bool]()  # the claims that were collected
_JOURNAL = pytest.StashKey[Journal]()
_ASKED = pytest.StashKey[bool]()  # did a test that is no claim ask a question?


def pytest_configure(config: pytest.Config) -> None:
    progress = config.stash[PROGRESS]
    stack = config.stash[_STACK] = ExitStack()
    stack.enter_context(
        use_session(
            Session(
                session_settings(config),
                progress=progress.tell,
                counterexamples=counterexamples(config),
                checkups=checkups(config),
                ledger=ledger(config),
            )
        )
    )
    if not hasattr(config, "workerinput"):  # under xdist only the controller writes
        journal = config.stash[_JOURNAL] = Journal(journal_folder(config))
        config.stash[_LOG] = ClaimLog(partial(_note, config, journal))
        config.pluginmanager.register(config.stash[_LOG], "circuitcheck-log")
        stack.enter_context(terminated_like_interrupted())
    register_extensions(config)
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        open_baseline(config)
        open_lock(config)
        check_registered(config)  # xdist's controller collects nothing itself


def _note(config: pytest.Config, journal: Journal, kind: str, **entry: Any) -> None:
    journal.note(kind, **entry)
    if kind == "result":
        tell_finished(config, entry["claim"])


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STACK in config.stash:
        config.stash[_STACK].close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_model(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    check_registered(config)
    try:
        check_claims(items)
        check_models(config, items)
        check_names(config, [claim for item in items if (claim := claim_of(item)) is not None])
    except pytest.UsageError as error:
        if not hasattr(config, "workerinput"):
            raise
        refuse(config, str(error))
        items.clear()
        return
    open_baseline(config)
    open_lock(config)
    mark_claims(items)
    config.stash[_SOUND] = True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Claims are counted from here on: one that never comes back is missed."""
    config = session.config
    if _SOUND not in config.stash:  # pytest goes on to here with claims that were refused
        return
    settings = session_settings(config)
    pairs = [(item, claim) for item in session.items if (claim := claim_of(item)) is not None]
    found = [unfinished(item, claim, settings).to_builtins() for item, claim in pairs]
    if hasattr(config, "workerinput"):
        tell_controller(config, found)
    elif not config.getoption("collectonly"):
        _count(config, found)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of xdist, in the controller."""
    return scheduler_by_model(config, log) if config.getoption("dist", "no") == "loadgroup" else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of xdist, in the controller."""
    prepare_worker(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Of xdist, in the controller: what a worker refused to run, and what it heard of the store of values."""
    note_refusal(node)
    hear(node.config, heard_from(node))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:
    """Of xdist, in the controller: workers have collected, and said which claims."""
    _count(node.config, told_by_worker(node.config))


def _count(config: pytest.Config, claims: list[dict[str, Any]]) -> None:
    journal = config.stash[_JOURNAL]
    shard = shard_of(config)
    if (claims or shard) and not journal.written:
        part = f"{shard[0]}/{shard[1]}" if shard else None
        config.stash[ENVIRONMENT] = environment(session_settings(config), config.rootpath, options_again(config), part)
        journal.note("run", environment=config.stash[ENVIRONMENT])
    config.stash[_LOG].collected(claims)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    __tracebackhide__ = True
    claim = claim_of(item)
    if claim is not None:
        item.config.stash[PROGRESS].start(claim.id)
    try:
        return (yield)
    except Exception as error:  # of a fixture, such as `model`
        shorten_traceback(error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    __tracebackhide__ = True
    claim = claim_of(pyfuncitem)
    if claim is None:
        asked = current_session().asked_outside
        try:
            return (yield)
        finally:
            pyfuncitem.stash[_ASKED] = current_session().asked_outside > asked
    return (yield from run_claim(pyfuncitem, claim, current_session()))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    report.longrepr = message_alone(call) or report.longrepr
    if is_subtest(item):
        expect_in_subtest(item, call, report)
        return report
    report.circuit_asked_outside = call.when == "call" and item.stash.get(_ASKED, False)  # type: ignore[attr-defined]
    result = result_of(item, call, report, current_session())
    if claim_of(item) is not None and (call.when == "call" or not report.passed):
        item.config.stash[PROGRESS].stop()
    report.circuit_changed = item.config.stash.get(CHANGED, {})  # type: ignore[attr-defined]
    if result is not None:
        attach(result, item, report, current_session().settings)
    if call.when == "teardown":
        forget(item)
    return report


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    verdict = getattr(report, "circuit", {}).get("verdict")
    if report.failed and report.when == "call" and verdict in ("refuted", "inconclusive"):
        return "failed", verdict[0].upper(), verdict.upper()
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run_is_over()
    config = session.config
    store = current_session().store
    if store is not None:
        store.close()
        pass_on(config, store.notices)
    if refusal_of(config):
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    log = config.stash.get(_LOG, None)
    if log is None or ENVIRONMENT not in config.stash:  # an earlier report is kept; one of an empty part is written
        return
    if log.unfinished and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    note_registered(config, log, config.stash[ENVIRONMENT]["time"])
    if compare_now(config, log) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    write_reports(session, log)
    config.stash[_JOURNAL].note("end", exit_status=int(session.exitstatus))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    log = config.stash.get(_LOG, None)
    _tell_outside(terminalreporter, log)
    if log is None or ENVIRONMENT not in config.stash:
        return
    quiet = config.option.verbose < -1 or config.option.no_summary
    if value_of(config, "summary") != "off" and not quiet:
        report = report_of(config, log, exitstatus)
        write_table(terminalreporter, report, log.seconds, time_budget(config))
        for line in pass_lines(report["claims"]) if explain(config) else ():
            terminalreporter.write_line(line)
        write_summary(config, terminalreporter)
        write_registered(config, terminalreporter, log)
    all_there = tell_reports(terminalreporter, config, quiet=quiet)
    for line in wrong_with_hooks(config):
        terminalreporter.write_line(f"{line}.", red=True)
    _tell_notices(terminalreporter)
    journal = config.stash[_JOURNAL]
    if journal.lost:
        terminalreporter.write_line(
            f"journal: {journal.lost} entries could NOT be written to {journal.path}; is its disk full?", red=True
        )
    if journal.written and (log.unfinished or not all_there):
        terminalreporter.write_line(f"every result that arrived: circuitcheck report {journal.path}")


def _tell_notices(terminalreporter: pytest.TerminalReporter) -> None:
    """Of the store of values, and what hooks of users did wrong."""
    for line in notices_of(terminalreporter.config):
        terminalreporter.write_line(line, yellow=True)
    for line in wrong_with_hooks(terminalreporter.config):
        terminalreporter.write_line(f"{line}.", red=True)


def _tell_outside(terminalreporter: pytest.TerminalReporter, log: ClaimLog | None) -> None:
    if refusal_of(terminalreporter.config):
        terminalreporter.write_line(f"ERROR: {refusal_of(terminalreporter.config)}", red=True)
    if log is None or not log.outside:
        return
    names = ", ".join(log.outside[:_NAMED]) + (" ..." if len(log.outside) > _NAMED else "")
    terminalreporter.write_line(
        f"compared in tests that are no claims, so without a verdict in the table: {names}. Is @cc.claim(...) missing?",
        yellow=True,
    )
