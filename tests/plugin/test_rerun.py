"""`circuitcheck rerun`: the claims of a report again, with its settings, compared with it.

How it could be fooled: old values of the store taken for new ones; settings of today instead of those of the report; a test
or a model that is gone and is not missed; claims that come out otherwise and are not told."""

import json
from pathlib import Path

import pytest
from claims_folder import Folder

from circuitcheck.cli import main

CLAIMS = """
@claim(id="untouched", samples=48)
def test_untouched(model, ioi):
    assert ioi.logit_diff(model) > -100

@cc.claim("a sentence", id="free", model=cc.any_model)
def test_free(model, ioi):
    assert ioi.logit_diff(model.ablate("L0.mlp", kind="zero")) < 100
"""
KEPT = "--circuit-report=kept.json"


@pytest.fixture
def rerun(folder: Folder, capsys: pytest.CaptureFixture[str]):
    (folder.pytester.path / "pytest.ini").write_text(f"[pytest]\ncircuit_doctor = {folder.checkups}\n")

    def command(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["rerun", "kept.json", *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return command


def test_a_report_is_run_again_with_its_settings(folder: Folder, rerun) -> None:
    (folder.pytester.path / "other").symlink_to("tiny")
    folder.run(CLAIMS, KEPT, "--circuit-seed=3", "--circuit-samples=96", "--circuit-models=tiny,other")
    code, said = rerun("-o", "again.json")
    assert code == 0, said
    assert said.startswith("not as it was\n  the run was made outside of git")
    assert "3 of 3 claims came out again" in said
    assert "reused" not in said
    again = json.loads(Path("again.json").read_text())
    assert {claim["settings"]["seed"] for claim in again["claims"]} == {3}
    assert {claim["settings"]["samples"] for claim in again["claims"]} == {96}
    assert {claim["reused"]["values"] for claim in again["claims"]} == {0}
    assert [(claim["id"], claim["param"]) for claim in again["claims"]] == [
        ("untouched", "tiny"), ("free", "tiny"), ("free", "other"),
    ]  # fmt: skip

    code, said = rerun("--reuse")
    assert "values of" in said
    assert "no second measurement" in said

    (folder.pytester.path / "other").rename(folder.pytester.path / "gone")
    code, said = rerun("--check")
    assert code == 1
    assert "model other: " in said
    assert "again" not in said


@pytest.mark.slow
def test_what_is_gone_or_comes_out_otherwise_is_told(folder: Folder, rerun) -> None:
    folder.run(CLAIMS, KEPT, "--circuit-models=tiny")
    settings = {claim["id"]: claim["settings"]["samples"] for claim in json.loads(Path("kept.json").read_text())["claims"]}
    assert settings == {"untouched": 48, "free": 512}
    folder.write(CLAIMS.replace("test_free", "test_renamed").replace("> -100", "> 100"))
    code, said = rerun("-o", "again.json")
    assert code == 1
    assert "0 of 2 claims came out again" in said
    assert "only in the earlier run: free[tiny]" in said
    assert "threshold changed" in said
    (claim,) = json.loads(Path("again.json").read_text())["claims"]
    assert claim["settings"]["samples"] == 48
    (folder.path / "test_claims.py").unlink()
    code, said = rerun()
    assert code == 2
    assert "no file hypotheses/test_claims.py is here" in said


def test_a_report_without_a_verdict_has_nothing_to_run(folder: Folder, rerun) -> None:
    folder.run("@claim(id='it')\ndef test_it(model): pass\n", KEPT)
    code, said = rerun()
    assert (code, "nothing to run again" in said) == (2, True)
