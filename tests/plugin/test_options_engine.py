"""--circuit-engine NAME: what runs models."""

import pytest
from claims_folder import FIXTURES, Folder
from registries import put_back

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
ENGINE = """
import pathlib
from circuitcheck.ext import register_engine

def make(settings):
    from circuitcheck.engine.torch import LocalEngine
    pathlib.Path("made").write_text(settings.engine)
    return LocalEngine(settings.device)

register_engine("mine", make)
"""


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    with put_back():
        yield


@pytest.mark.parametrize("chosen", ["mine", "local"])
def test_the_engine_of_that_name_runs_the_claims(folder: Folder, chosen: str) -> None:
    (folder.path / "conftest.py").write_text(FIXTURES + ENGINE)
    run = folder.run(CLAIM, f"--circuit-engine={chosen}")
    assert run.verdicts == {"it": "supported"}
    assert run.report["environment"]["engine"] == chosen
    assert (folder.pytester.path / "made").exists() == (chosen == "mine")


def test_an_engine_that_nobody_registered_is_refused(folder: Folder) -> None:
    folder.run(CLAIM, "--circuit-engine=other").usage_error("--circuit-engine 'other' is none; there are local")


def test_the_ini_file_names_it_too(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_engine = other\n")
    folder.run(CLAIM).usage_error("--circuit-engine 'other' is none")
