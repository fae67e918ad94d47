"""Claims as they are collected, and what a file of registered claims says of those that were run."""

from pathlib import Path
from typing import Any

import pytest

from circuitcheck.errors import BadRecord
from circuitcheck.plugin.collecting import claim_of
from circuitcheck.plugin.options import registered_path, session_settings
from circuitcheck.plugin.running import unfinished
from circuitcheck.plugin.stores import ledger
from circuitcheck.report import ClaimLog
from circuitcheck.runs.drift_table import Lines
from circuitcheck.runs.reading import claim_key
from circuitcheck.runs.registered import in_words, read_lock, registration

_LOCK = pytest.StashKey[dict[str, Any]]()


class Collected:
    """A plugin that keeps what was collected: the claims, and by their ids how often the ledger knows them to be asked."""

    def __init__(self) -> None:
        self.claims: list[dict[str, Any]] = []
        self.asked: dict[str, int] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        settings = session_settings(session.config)
        pairs = [(item, claim) for item in session.items if (claim := claim_of(item)) is not None]
        self.claims = [unfinished(item, claim, settings).to_builtins() for item, claim in pairs]
        self.asked = ledger(session.config).asked_by_claim()


def open_lock(config: pytest.Config) -> None:
    """Where results are gathered, before any claim runs. Raises UsageError."""
    path = registered_path(config)
    if path is None or hasattr(config, "workerinput") or _LOCK in config.stash:
        return
    try:
        config.stash[_LOCK] = read_lock(Path(path))
    except BadRecord as error:
        raise pytest.UsageError(f"--circuit-registered: {error}") from error


def note_registered(config: pytest.Config, log: ClaimLog, began: str) -> None:
    """Each claim gets what the file says of it."""
    lock = config.stash.get(_LOCK, None)
    if lock is not None:
        log.registered = {claim_key(claim): registration(lock, claim, began) for claim in log.claims}


def write_registered(config: pytest.Config, out: Lines, log: ClaimLog) -> None:
    """A line at the end of a run that has a file of registered claims."""
    if _LOCK in config.stash:
        out.write_line(f"registered: {in_words(list(log.registered.values()))}")
