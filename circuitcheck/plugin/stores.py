"""Where a session keeps what later runs may use, as options say."""

import pytest

from circuitcheck.plugin.options import value_of
from circuitcheck.session import CheckUpStore, CounterexampleStore, Ledger, project_of


def counterexamples(config: pytest.Config) -> CounterexampleStore:
    folder = value_of(config, "counterexamples")
    return CounterexampleStore(None if folder == "off" else config.rootpath / folder)


def checkups(config: pytest.Config) -> CheckUpStore | None:
    folder = value_of(config, "doctor")
    return None if folder == "off" else CheckUpStore(config.rootpath / folder)


def ledger(config: pytest.Config) -> Ledger:
    """Beside the ini file, where there is one; else where a script in this folder keeps it."""
    file = value_of(config, "ledger")
    root = config.rootpath if config.inipath is not None else project_of(config.rootpath)
    return Ledger(None if file == "off" else root / file)
