"""Reports at the end of a run: written where they were asked for, and said where they are."""

import os
from pathlib import Path
from typing import Any

import pytest

from circuitcheck.claims import advice
from circuitcheck.plugin.drifting import told_of_baseline
from circuitcheck.plugin.extending import extra_of, wrong_with_hooks
from circuitcheck.plugin.options import figures_folder, report_paths, session_settings, value_of
from circuitcheck.report import ClaimLog, add_step_summary, whole_report, with_few_pictures, write_figures, write_report
from circuitcheck.text import counted, first_line

ENVIRONMENT = pytest.StashKey[dict[str, Any]]()
_UNWRITTEN = pytest.StashKey[dict[Path, str]]()  # reports, and why
_FIGURES = pytest.StashKey[tuple[int, str]]()  # how many were written, and what kept the rest from it
_STEP = pytest.StashKey[str]()  # what kept the summary of a step of GitHub's from being written


def report_of(config: pytest.Config, log: ClaimLog, exit_status: int) -> dict[str, Any]:
    advised = advice(log.claims, value_of(config, "correction"), 1 - session_settings(config).confidence)
    return whole_report(log, config.stash[ENVIRONMENT], advised, exit_status) | told_of_baseline(config)


def write_reports(session: pytest.Session, log: ClaimLog) -> None:
    """What keeps one from being written fails the run; but not what keeps GitHub from having a summary."""
    config = session.config
    unwritten = config.stash[_UNWRITTEN] = {}
    paths = report_paths(config)
    extra = extra_of(config, report_of(config, log, session.exitstatus)) if paths else {}
    if wrong_with_hooks(config):
        _fail(session)
    report = {**report_of(config, log, session.exitstatus), **({"extra": extra} if extra else {})}
    if value_of(config, "summary") != "off":
        config.stash[_STEP] = add_step_summary(report, os.environ)
    for path in paths:
        try:
            write_report(path, with_few_pictures(report))
        except Exception as error:  # noqa: BLE001 - whatever it is, the table comes out
            unwritten[path] = f"{type(error).__name__}: {first_line(error)}"
    figures_are_there = _write_figures(config, report["claims"])
    if unwritten or not figures_are_there:
        _fail(session)


def _write_figures(config: pytest.Config, claims: list[dict[str, Any]]) -> bool:
    """Those that claims showed, where a folder was named for them. Returns whether all are there."""
    folder, why, written = figures_folder(config), "", list[Path]()
    if folder is not None:
        try:
            written = write_figures(folder, claims)
        except OSError as error:
            why = f"{type(error).__name__}: {first_line(error)}"
    config.stash[_FIGURES] = len(written), why
    return not why


def tell_reports(terminalreporter: pytest.TerminalReporter, config: pytest.Config, *, quiet: bool) -> bool:
    """Where they are. Returns whether all are there."""
    unwritten = config.stash.get(_UNWRITTEN, {})
    for path in report_paths(config):
        if path in unwritten:
            terminalreporter.write_line(f"report NOT written to {path}: {unwritten[path]}", red=True)
        elif not quiet:
            terminalreporter.write_line(f"report: {path}")
    number, problem = config.stash.get(_FIGURES, (0, ""))
    if problem:
        terminalreporter.write_line(f"figures NOT written to {figures_folder(config)}: {problem}", red=True)
    elif number and not quiet:
        terminalreporter.write_line(f"figures: {counted(number, 'file')} in {figures_folder(config)}")
    if why := config.stash.get(_STEP, ""):
        terminalreporter.write_line(f"summary for GitHub NOT written: {why}", yellow=True)
    return not unwritten and not problem


def _fail(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
