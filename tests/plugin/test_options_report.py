"""--circuit-report PATH"""

from pathlib import Path

import pytest
from claims_folder import Folder, read_report

CLAIM = """
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_two_reports_are_both_written(folder: Folder) -> None:
    folder.run(CLAIM, "--circuit-report=a.json", "--circuit-report=b.json", report=False)
    assert Path("a.json").read_text() == Path("b.json").read_text()
    assert read_report(Path("a.json"))["summary"]["supported"] == 1


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


@pytest.mark.parametrize("name", ["x.pdf", "x", "x.json.gz"])
def test_another_format_is_a_usage_error(folder: Folder, name: str) -> None:
    folder.run(CLAIM, f"--circuit-report={name}", report=False).usage_error("--circuit-report", name, ".json")


def test_a_folder_is_a_usage_error(folder: Folder) -> None:
    Path("x.json").mkdir()
    folder.run(CLAIM, "--circuit-report=x.json", report=False).usage_error("--circuit-report", "x.json")


def test_a_file_as_its_folder_is_a_usage_error(folder: Folder) -> None:
    Path("taken").write_text("")
    folder.run(CLAIM, "--circuit-report=taken/x.json", report=False).usage_error("--circuit-report", "taken")
