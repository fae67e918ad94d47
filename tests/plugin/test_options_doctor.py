"""--circuit-doctor: models are examined once, before the first claim on them, and claims on unsound ones are errors."""

import json
from pathlib import Path

import pytest
from claims_folder import Folder

CLAIMS = """
@claim(id="clean")
def test_clean(model, ioi):
    assert ioi.logit_diff(model) < 100

@claim(id="middle")
def test_middle(model, ioi):
    assert ioi.logit_diff(model.patch("L1.resid_mid", source="abc")) < 100
"""
BREAK = """
import pytest
from dataclasses import replace
from circuitcheck.places import SITE_KINDS

@pytest.fixture(autouse=True, scope="session")
def broken():
    honest = SITE_KINDS["resid_mid"]
    SITE_KINDS["resid_mid"] = replace(honest, written="at its point")
    yield
    SITE_KINDS["resid_mid"] = honest
"""


@pytest.fixture
def kept(folder: Folder) -> Path:
    folder.checkups = folder.pytester.path / "kept"
    return folder.checkups


def test_a_model_is_examined_once_and_what_was_found_is_kept(folder: Folder, kept: Path) -> None:
    assert set(folder.run(CLAIMS).verdicts.values()) == {"supported"}
    (file,) = kept.iterdir()
    found = json.loads(file.read_text())
    assert found["model"] == "tiny"
    assert {"z", "resid_mid", "text", "model"} <= {each["subject"] for each in found["findings"]}
    first = file.stat().st_mtime_ns
    folder.run()
    assert (file.stat().st_mtime_ns, list(kept.iterdir())) == (first, [file])


def test_a_site_that_does_not_mean_what_it_says_makes_claims_on_it_errors_and_no_others(folder: Folder, kept: Path) -> None:
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write(BREAK)
    run = folder.run(CLAIMS)
    assert run.verdicts == {"clean": "supported", "middle": "error"}
    run.shows("*UnsoundModel: tiny failed 1 checks that this claim depends on: resid_mid: a patch*circuitcheck doctor tiny*")


def test_off_examines_nothing(folder: Folder, kept: Path) -> None:
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write(BREAK)
    run = folder.run(CLAIMS, "--circuit-doctor=off")
    assert run.verdicts == {"clean": "supported", "middle": "supported"}
    assert not kept.exists()


@pytest.mark.slow
def test_the_folder_is_named_on_the_command_line_too(folder: Folder, kept: Path) -> None:
    folder.run(CLAIMS, "--circuit-doctor=elsewhere")
    assert len(list((folder.pytester.path / "elsewhere").iterdir())) == 1
    assert not kept.exists()


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_written_anew(folder: Folder, kept: Path) -> None:
    folder.run(CLAIMS)
    (file,) = kept.iterdir()
    file.write_text("{")
    assert set(folder.run().verdicts.values()) == {"supported"}
    assert json.loads(file.read_text())["model"] == "tiny"


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_nothing_but_time(folder: Folder, kept: Path) -> None:
    kept.write_text("a file in the way")
    assert set(folder.run(CLAIMS).verdicts.values()) == {"supported"}
