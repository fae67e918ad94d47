"""Files and folders that options name. Those of the ini file are meant from its folder. Raise UsageError."""

from pathlib import Path

import pytest

from circuitcheck.plugin.options.table import BASELINE, REGISTERED, REPORT, Option
from circuitcheck.plugin.options.values import check_printable, value_of


def baseline_path(config: pytest.Config) -> Path | None:
    """Raises UsageError for an ini option that is no path."""
    return _path_of(config, BASELINE)


def registered_path(config: pytest.Config) -> Path | None:
    """Raises UsageError for an ini option that is no path."""
    return _path_of(config, REGISTERED)


def _path_of(config: pytest.Config, option: Option) -> Path | None:
    """That of the command line, else that of the ini file, which is meant from its folder."""
    given = config.getoption(option.flag)
    check_printable(option, given)
    if given:
        return Path(given)
    named = config.getini(option.ini)
    if not named:
        return None
    if not isinstance(named, str):
        raise pytest.UsageError(f"ini option {option.ini} = {named!r}: expected a path")
    check_printable(option, named)
    return (config.inipath.parent if config.inipath else config.rootpath) / named


def journal_folder(config: pytest.Config) -> Path | None:
    folder = value_of(config, "journal")
    return None if folder == "off" else config.rootpath / folder


def figures_folder(config: pytest.Config) -> Path | None:
    folder = value_of(config, "figures")
    return None if folder == "off" else config.rootpath / folder


def report_paths(config: pytest.Config) -> list[Path]:
    """Those of the command line, else those of the ini file, which are meant from its folder."""
    given, named = config.getoption(REPORT.flag), config.getini(REPORT.ini)
    if not all(isinstance(each, str) for each in named):
        raise pytest.UsageError(f"ini option {REPORT.ini} = {named!r}: expected paths")
    for text in (*given, *named):
        check_printable(REPORT, text)
    if given:
        return [Path(text) for text in given]
    beside = config.inipath.parent if config.inipath else config.rootpath
    return [beside / text for text in named]
