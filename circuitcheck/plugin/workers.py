"""What xdist's workers tell the controller about the claims that they collected: xdist itself passes only test ids on."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from circuitcheck.files import read_record, write_record

_INPUT = "circuit_collected"  # a path, in what a worker is started with
_FOLDER = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


def prepare_worker(node: Any) -> None:
    node.workerinput[_INPUT] = str(_file(node.config))


def tell_controller(config: pytest.Config, claims: list[dict[str, Any]]) -> None:
    """All workers collect the same. One on another machine writes where nobody reads."""
    write_record(Path(config.workerinput[_INPUT]), {"claims": claims})  # type: ignore[attr-defined]


def told_by_worker(config: pytest.Config) -> list[dict[str, Any]]:
    found = read_record(_file(config)) or {}
    claims: list[dict[str, Any]] = found.get("claims", [])
    return claims


def _file(config: pytest.Config) -> Path:
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="circuitcheck-")
        config.add_cleanup(config.stash[_FOLDER].cleanup)
    return Path(config.stash[_FOLDER].name) / "collected.json"


_NOTICES = "circuit_store_notices"
_HEARD = pytest.StashKey[list[str]]()


def pass_on(config: pytest.Config, notices: list[str]) -> None:
    """Of the store of values, which workers share, to whoever writes the summary."""
    if hasattr(config, "workeroutput"):
        config.workeroutput[_NOTICES] = notices
    else:
        hear(config, notices)


def hear(config: pytest.Config, notices: list[str]) -> None:
    config.stash[_HEARD] = [*notices_of(config), *notices]


def heard_from(node: Any) -> list[str]:
    found: list[str] = getattr(node, "workeroutput", {}).get(_NOTICES, [])
    return found


def notices_of(config: pytest.Config) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(config.stash.get(_HEARD, ())))


_REFUSED = "circuit_refused"
_REFUSAL = pytest.StashKey[str]()


def refuse(config: pytest.Config, why: str) -> None:
    """In a worker, which xdist would take for crashed if it raised: say why nothing is run."""
    config.workeroutput[_REFUSED] = why  # type: ignore[attr-defined]


def note_refusal(node: Any) -> None:
    why = getattr(node, "workeroutput", {}).get(_REFUSED)
    if why:
        node.config.stash[_REFUSAL] = why


def refusal_of(config: pytest.Config) -> str:
    """What the workers said; empty where they ran."""
    return config.stash.get(_REFUSAL, "")
