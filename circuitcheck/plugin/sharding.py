"""A part of the suite: which one a test is in depends on its name alone, so that all parts together run each test once."""

import hashlib
from collections.abc import Generator
from typing import Any

import pytest

_EMPTIED = pytest.StashKey[bool]()  # all that was collected is in other parts
_KEY = "circuit_shard_emptied"


class Sharding:
    """Registered where a part was asked for."""

    def __init__(self, part: int, parts: int) -> None:
        self.part, self.parts = part, parts

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        others = [item for item in items if part_of(item.nodeid, self.parts) != self.part]
        items[:] = [item for item in items if part_of(item.nodeid, self.parts) == self.part]
        if others:
            config.hook.pytest_deselected(items=others)
        config.stash[_EMPTIED] = bool(others) and not items

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """An empty part of a suite has not failed. Said before reports are written."""
        config = session.config
        if hasattr(config, "workeroutput"):
            config.workeroutput[_KEY] = config.stash.get(_EMPTIED, False)
        elif session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and config.stash.get(_EMPTIED, False):
            session.exitstatus = pytest.ExitCode.OK
        return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Of xdist, in the controller."""
        node.config.stash[_EMPTIED] = getattr(node, "workeroutput", {}).get(_KEY, False)


def part_of(name: str, parts: int) -> int:
    """From 1 to `parts`; the same on every machine, and in every run."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()[:8], "big") % parts + 1
