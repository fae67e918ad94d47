"""--circuit-report PATH"""

from pathlib import Path

import pytest
from claims_folder import Folder, read_report

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_each_report_is_written_in_the_format_of_its_suffix(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    names = ("a.json", "b.json", "c.html", "d.md")
    options = ("--circuit-seed=3", *(f"--circuit-report={name}" for name in names))
    run = folder.run(CLAIM, *options, report=False)
    run.shows(*(f"report: {name}" for name in names))
    assert Path("a.json").read_text() == Path("b.json").read_text()
    report = read_report(Path("a.json"))
    assert report["summary"]["supported"] == 1
    assert report["environment"]["options"] == ["--circuit-seed=3"]
    page = Path("c.html").read_text()
    assert "1 of 1 claims as expected" in page
    assert "pytest &#39;hypotheses/test_claims.py::test_it[tiny]&#39; --circuit-seed=3" in page
    assert "## circuitcheck: 1 of 1 claims as expected" in Path("d.md").read_text()
    assert Path("step.md").read_text() == Path("d.md").read_text()


def test_a_summary_that_github_cannot_have_fails_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/step.md")
    run = folder.run(CLAIM)
    assert run.exit_code == 0
    run.shows("summary for GitHub NOT written: nowhere/step.md: *")


def test_without_a_summary_github_has_none(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    assert folder.run(CLAIM, "--circuit-summary=off").exit_code == 0
    assert not Path("step.md").exists()


def test_new_folders_are_made(folder: Folder) -> None:
    folder.run(CLAIM, "--circuit-report=new/nested/a.json", report=False)
    assert read_report(Path("new/nested/a.json"))["summary"]["supported"] == 1


def test_an_old_report_is_replaced_whole(folder: Folder) -> None:
    Path("a.json").write_text("x" * 100_000)
    folder.run(CLAIM, "--circuit-report=a.json", report=False)
    assert read_report(Path("a.json"))["summary"]["supported"] == 1
    assert [path.name for path in Path.cwd().glob("a.json*")] == ["a.json"]


def test_its_place_is_said(folder: Folder) -> None:
    folder.run(CLAIM, "--circuit-report=a.json", report=False).shows("report: *a.json")


def test_without_it_nothing_is_written(folder: Folder) -> None:
    folder.run(CLAIM, report=False)
    assert not list(Path.cwd().rglob("*report*"))


def test_ini_names_a_report(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_report = a.json\n")
    folder.run(CLAIM, report=False).result.assert_outcomes(passed=1)
    assert read_report(Path("a.json"))["summary"]["supported"] == 1


@pytest.mark.parametrize("option", ["report=a\x1b[2J.json", "baseline=a\nb", "registered=a\x07", "journal=\x1b[2J"])
def test_a_path_that_would_write_to_the_terminal_is_a_usage_error(folder: Folder, option: str) -> None:
    run = folder.run(CLAIM, f"--circuit-{option}", report=False)
    run.usage_error("a control character can be no part of it", ascii(option.partition("=")[2])[1:-1])
    assert "\x1b[2J" not in run.text


@pytest.mark.parametrize("name", ["x.pdf", "x", "x.json.gz"])
def test_another_format_is_a_usage_error(folder: Folder, name: str) -> None:
    folder.run(CLAIM, f"--circuit-report={name}", report=False).usage_error(
        f"--circuit-report {name}", "a path ends in .json, .html, .md"
    )


def test_a_folder_is_a_usage_error(folder: Folder) -> None:
    Path("x.json").mkdir()
    folder.run(CLAIM, "--circuit-report=x.json", report=False).usage_error("--circuit-report", "x.json")


def test_a_file_as_its_folder_is_a_usage_error(folder: Folder) -> None:
    Path("taken").write_text("")
    folder.run(CLAIM, "--circuit-report=taken/x.json", report=False).usage_error("--circuit-report", "taken")
