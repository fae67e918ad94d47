"""--circuit-registered FILE, and `circuitcheck register`, which writes it."""

import json
import sys
from pathlib import Path

import pytest
from claims_folder import Folder
from drifting_models import CLAIMS

from circuitcheck.cli import main

LOCK = "--circuit-registered=claims.lock"


def register() -> int:
    """As a process of its own would: nothing that it imports is found by a later run in this one."""
    before = set(sys.modules)
    try:
        return main(["register", "hypotheses", "-o", "claims.lock"])
    finally:
        for name in {"test_claims", "conftest"} & set(sys.modules) - before:
            del sys.modules[name]


@pytest.fixture
def registered(folder: Folder, capsys: pytest.CaptureFixture[str]) -> Folder:
    folder.write(CLAIMS)
    assert register() == 0
    said = capsys.readouterr().out
    assert "2 claims in claims.lock. Commit it before you run them." in said
    assert "pytest hypotheses --circuit-registered claims.lock" in said
    return folder


def test_a_claim_that_was_registered_first_says_so_and_what_changed_since(registered: Folder) -> None:
    entry = json.loads(Path("claims.lock").read_text())["claims"]["cut[tiny]"]
    assert entry["asserts"] == ["ioi.logit_diff(model.ablate('L0.mlp', kind='zero')) < 100"]
    assert (entry["settings"]["seed"], entry["settings"]["samples"], entry["scope"]) == (0, 512, "these_templates")

    run = registered.run(CLAIMS, LOCK)
    found = run.claims["cut"]["registered"]
    assert (found["before_measured"], found["changes"]) == (True, [])
    run.shows("registered: of 2 claims: 2 registered before they were measured")

    reworded = CLAIMS.replace("< 100", "< 99  # looser").replace('id="untouched"', 'id="new"')
    run = registered.run(reworded, LOCK, "--circuit-seed=3")
    changes = run.claims["cut"]["registered"]["changes"]
    assert any(each.startswith("what its test asserts was") and "< 99" in each for each in changes)
    assert any(each.startswith("its settings was") for each in changes)
    assert run.claims["new"]["registered"]["when"] is None
    run.shows("registered: of 2 claims: 1 say something else than what was registered, 1 not registered")


@pytest.mark.slow
def test_comments_and_docstrings_are_no_change(registered: Folder) -> None:
    commented = CLAIMS.replace("    assert", '    """Why."""\n    # a comment\n    assert')
    assert registered.run(commented, LOCK).claims["cut"]["registered"]["changes"] == []


def test_what_was_measured_before_is_not_registered_in_advance(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.run(CLAIMS, "-k", "cut")
    assert register() == 0
    assert "1 of them were measured before" in capsys.readouterr().out
    run = folder.run(CLAIMS, LOCK)
    assert {name: claim["registered"]["before_measured"] for name, claim in run.claims.items()} == {
        "cut": False,
        "untouched": True,
    }
    assert register() == 0  # what says the same keeps its day
    entries = json.loads(Path("claims.lock").read_text())["claims"]
    assert {key: entry["asked_before"] for key, entry in entries.items()} == {"cut[tiny]": 1, "untouched[tiny]": 0}


@pytest.mark.slow
def test_a_file_that_is_none_or_was_edited_is_a_usage_error(registered: Folder) -> None:
    text = Path("claims.lock").read_text()
    Path("claims.lock").write_text(text.replace("< 100", "< 50"))
    registered.run(CLAIMS, LOCK).usage_error("--circuit-registered", "cut[tiny] was edited")
    Path("claims.lock").write_text("{}")
    registered.run(CLAIMS, LOCK).usage_error("no file of registered claims")
    registered.run(CLAIMS, "--circuit-registered=none.lock").usage_error("none.lock", "cannot be read")


@pytest.mark.slow
def test_a_folder_without_claims_is_told(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write("def test_ordinary(): pass\n")
    assert register() == 1
    assert "no claim could be collected" in capsys.readouterr().err
    assert not Path("claims.lock").exists()
