"""`circuitcheck init --ci github`: a workflow that GitHub takes, and whose lines do what they say."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stored
import yaml
from made_runs import claim, question, report

from circuitcheck.cli import main
from circuitcheck.report.markdown import MARK
from circuitcheck.runs.baseline import write_baseline

VALUES = np.random.default_rng(2).normal(0, 1, 64)
PLACE = Path(".github/workflows/circuitcheck.yml")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


def workflow():
    return yaml.load(PLACE.read_text(), yaml.BaseLoader)


def steps(job):
    return {step.get("name", step.get("uses")): step for step in workflow()["jobs"][job]["steps"]}


def in_shell(step, **variables):
    """As a runner does it, with the interpreter of these tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    return subprocess.run(run, env={**os.environ, "PATH": path, **variables}, capture_output=True, text=True, check=False)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("gpus", [0, 1, 4])
def test_github_takes_it_for_a_workflow(here, gpus):
    assert (
        main(["init", "my claims", "--ci", "github", "--gpus", str(gpus), "--runner", "self-hosted", "--runner", "a100"])
        == 0
    )
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(PLACE)]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert workflow()["jobs"]["claims"]["runs-on"] == ["self-hosted", "a100"]
    assert "<<" not in PLACE.read_text()


def test_what_is_no_workflow_would_be_found(here):
    main(["init", "--ci", "github"])
    PLACE.write_text(PLACE.read_text().replace("runs-on:", "runs-where:"))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(PLACE)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1


def test_by_default_it_asks_for_a_gpu_and_its_models(here):
    assert main(["init", "--ci", "github"]) == 0
    assert workflow()["jobs"]["claims"]["runs-on"] == ["self-hosted", "gpu"]
    command = steps("claims")["Test the claims"]["run"]
    assert "python -m pytest hypotheses $fixed --circuit-require-models --circuit-require-gpu" in command
    assert "--circuit-shard" not in command
    assert "Put the parts together" not in steps("report")
    assert (here / "hypotheses" / "test_first_claim.py").is_file()


def test_without_a_gpu_it_asks_for_none(here):
    main(["init", "--ci", "github", "--gpus", "0"])
    assert workflow()["jobs"]["claims"]["runs-on"] == ["ubuntu-latest"]
    assert "require-gpu" not in PLACE.read_text()


def test_several_gpus_are_a_matrix_of_parts(here):
    main(["init", "--ci", "github", "--gpus", "3"])
    job = workflow()["jobs"]["claims"]
    assert job["strategy"]["matrix"] == {"part": ["1", "2", "3"]}
    assert steps("claims")["Test the claims"]["env"]["PART"] == "${{ matrix.part }}/3"
    names = [step["with"]["name"] for step in steps("claims").values() if "upload" in step.get("uses", "")]
    assert names == ["circuitcheck-part-${{ matrix.part }}"]


def test_no_words_of_others_stand_in_a_line_of_shell(here):
    """GitHub puts values of expressions into a script as they are: a branch may be called $(...)."""
    for gpus in ("1", "2"):
        PLACE.unlink(missing_ok=True)
        main(["init", "--ci", "github", "--gpus", gpus])
        for job in ("claims", "report"):
            assert all("${{" not in step.get("run", "") for step in steps(job).values())


def test_only_the_job_that_comments_may_write(here):
    main(["init", "--ci", "github"])
    assert workflow()["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow()["jobs"]["claims"]
    assert workflow()["jobs"]["report"]["permissions"] == {"contents": "read", "pull-requests": "write"}


@pytest.mark.slow
def test_its_lines_test_the_claims_in_parts_and_put_them_together(here):
    """On this machine, so without asking for a GPU."""
    main(["init", "my claims", "--ci", "github", "--gpus", "2"])
    test = steps("claims")["Test the claims"]
    test["run"] = test["run"].replace("--circuit-require-gpu", "--circuit-doctor off")
    for part in ("1", "2"):
        found = in_shell(test, PART=f"{part}/2", GITHUB_STEP_SUMMARY=str(here / "step.md"))
        assert found.returncode == 0, found.stdout + found.stderr
        (here / "parts" / part).mkdir(parents=True)
        for path in here.glob("circuitcheck.*"):
            shutil.move(path, here / "parts" / part / path.name)
    joined = in_shell(steps("report")["Put the parts together"])
    assert joined.returncode == 0, joined.stdout + joined.stderr
    report = json.loads((here / "circuitcheck.json").read_text())
    assert [each["id"] for each in report["claims"]] == ["ioi.attention"]
    assert report["complete"]
    (here / "step.md").unlink()
    assert in_shell(steps("report")["Show the whole report"], GITHUB_STEP_SUMMARY=str(here / "step.md")).returncode == 0
    assert "1 of 1 claims as expected" in (here / "step.md").read_text()
    assert "1 of 1 claims as expected" in (here / "circuitcheck.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("gpus, job", [("1", "claims"), ("3", "report")])
@pytest.mark.sampled(1)
def test_drift_from_a_baseline_fails_and_is_told(here, monkeypatch, gpus, job):
    main(["init", "--ci", "github", "--gpus", gpus])
    step = steps(job)["Compare with the baseline"]
    assert ("Compare with the baseline" in steps("report")) == (gpus == "3")
    fixed = steps("claims")["Test the claims"]["run"].splitlines()[1]
    (here / "circuitcheck.json").write_text(json.dumps(report(claim("it", question(VALUES)))))
    said = {"GITHUB_STEP_SUMMARY": str(here / "step.md")}
    assert in_shell(step, **said).returncode == 0
    assert not (here / "step.md").exists()
    assert in_shell({"run": fixed + '\necho "<$fixed>"'}).stdout == "<>\n"
    (here / "circuitcheck.md").write_text(MARK)
    for moved, code in ((0.0, 0), (5.0, 1)):
        then = claim("it", question(VALUES * (1 + moved / 100) - moved, model="m@2"))
        write_baseline(here / "hypotheses" / "baseline.json", report(then)["claims"])
        found = in_shell(step, **said)
        assert found.returncode == code, found.stdout + found.stderr
    assert in_shell({"run": fixed + '\necho "<$fixed>"'}).stdout == "<--circuit-baseline-prompts=192>\n"
    assert "1 moved" in (here / "step.md").read_text()
    text = (here / "circuitcheck.md").read_text()
    assert text.startswith(MARK)
    assert "## Drift from the baseline" in text
    (here / "hypotheses" / "baseline.json.values").unlink()
    assert in_shell(step, **said).returncode == 2


def test_a_part_that_is_not_there_fails_after_the_report_is_written(here):
    main(["init", "--ci", "github", "--gpus", "2"])
    (here / "parts" / "1").mkdir(parents=True)
    part = stored.report(stored.claim(), environment={"shard": "1/2"})
    (here / "parts" / "1" / "circuitcheck.json").write_text(json.dumps(part))
    assert in_shell(steps("report")["Put the parts together"]).returncode == 1
    assert "missing of 2 shards" in (here / "circuitcheck.md").read_text()


@pytest.mark.parametrize("earlier, method", [("", "POST"), ("17\n42\n", "PATCH")])
def test_one_comment_is_made_and_then_kept_up_to_date(here, earlier, method):
    main(["init", "--ci", "github"])
    (here / "circuitcheck.md").write_text(f"{MARK}\nresult")
    (here / "earlier").write_text(earlier)
    gh = here / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\nif [ "$2" = --paginate ]; then cat earlier; else echo "$@" >> said; fi\n')
    gh.chmod(0o755)
    step = steps("report")["Comment on the pull request"]
    step["run"] = f'PATH="{gh.parent}:$PATH"\n{step["run"]}'
    assert in_shell(step, ISSUES="repos/o/r/issues", NUMBER="5").returncode == 0
    where = "repos/o/r/issues/comments/42" if earlier else "repos/o/r/issues/5/comments"
    assert (here / "said").read_text() == f"api --method {method} {where} --field body=@circuitcheck.md\n"
    assert MARK in step["run"]


def test_an_existing_workflow_is_left_alone_and_nothing_else_is_written(here, capsys):
    PLACE.parent.mkdir(parents=True)
    PLACE.write_text("mine")
    assert main(["init", "--ci", "github"]) == 1
    assert f"{PLACE} exists already" in capsys.readouterr().err
    assert PLACE.read_text() == "mine"
    assert not (here / "hypotheses").exists()


def test_an_existing_folder_gets_a_workflow_and_keeps_its_files(here):
    (here / "hypotheses").mkdir()
    assert main(["init", "--ci", "github"]) == 0
    assert list((here / "hypotheses").iterdir()) == []
    assert PLACE.is_file()


@pytest.mark.parametrize(
    "name, words", [("requirements.txt", "-r requirements.txt"), ("pyproject.toml", "."), (None, "circuitcheck")]
)
def test_it_installs_what_the_project_says(here, name, words):
    if name:
        (here / name).write_text("")
    main(["init", "--ci", "github"])
    assert steps("claims")["Install"]["run"] == f"python -m pip install {words}"


def test_outside_of_a_repository_it_says_where_github_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--ci", "github"]) == 0
    assert "the root of one" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, said",
    [
        (["../claims"], "within the repository"),
        (["/claims"], "within the repository"),
        (["a'b"], "cannot be named in a workflow"),
        (["${{ secrets.X }}"], "cannot be named in a workflow"),
        (["--runner", "a b"], "is no label"),
        (["--runner", "]\nx: y"], "is no label"),
        (["--gpus", "-1"], "expected 0 to 256"),
        (["--gpus", "257"], "expected 0 to 256"),
    ],
    ids=str,
)
def test_words_that_a_workflow_cannot_hold_are_refused(here, capsys, words, said):
    assert main(["init", *words, "--ci", "github"]) == 2
    assert said in capsys.readouterr().err
    assert not PLACE.exists()
