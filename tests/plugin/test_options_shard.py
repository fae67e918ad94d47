"""--circuit-shard I/N"""

from pathlib import Path

import pytest
from claims_folder import Folder, read_report

from circuitcheck.plugin.sharding import part_of
from circuitcheck.report import merged

CLAIMS = "".join(
    f"""
@claim(id="c{i}", samples=32)
def test_c{i}(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
    for i in range(5)
)


def test_the_parts_together_run_every_test_once(folder: Folder) -> None:
    folder.write(CLAIMS + "\ndef test_ordinary(): pass\n")
    reports, passed = {}, 0
    for part in (1, 2, 3):
        run = folder.run(None, f"--circuit-shard={part}/3")
        assert run.exit_code == 0
        assert run.report["environment"]["shard"] == f"{part}/3"
        reports[f"{part}.json"] = run.report
        passed += run.result.parseoutcomes().get("passed", 0)
    found = merged(reports)
    assert sorted(each["id"] for each in found["claims"]) == [f"c{i}" for i in range(5)]
    assert found["complete"]
    assert passed == 6


def test_a_test_stays_in_its_part_whatever_else_there_is() -> None:
    """Fixed, so that no version moves tests to other machines and their stored values."""
    assert [part_of(f"hypotheses/test_a.py::test_{i}", 4) for i in range(6)] == [1, 4, 2, 2, 3, 1]


def test_parts_are_of_about_one_size() -> None:
    sizes = [sum(part_of(f"test_{i}", 4) == part for i in range(4000)) for part in (1, 2, 3, 4)]
    assert min(sizes) > 900


@pytest.mark.parametrize("workers", [(), ("-n1",)])
@pytest.mark.sampled(1)
def test_an_empty_part_is_no_failure_and_reports_that_it_is_empty(folder: Folder, workers: tuple[str, ...]) -> None:
    name = "hypotheses/test_claims.py::test_c0[tiny]"
    part = 3 - part_of(name, 2)
    run = folder.run(CLAIMS.partition('\n@claim(id="c1"')[0], f"--circuit-shard={part}/2", *workers)
    assert run.exit_code == 0
    assert (run.report["claims"], run.report["exit_status"], run.report["complete"]) == ([], 0, True)
    assert read_report(Path("report.json"))["environment"]["shard"] == f"{part}/2"


def test_a_folder_without_tests_is_still_a_failure(folder: Folder) -> None:
    assert folder.run("", "--circuit-shard=1/2").exit_code == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/", "-1/2", "1/2/3", "1/0", "¹/2", "1/999999"])
def test_what_is_no_part_is_a_usage_error(folder: Folder, text: str) -> None:
    folder.run(CLAIMS, f"--circuit-shard={text}").usage_error(f"--circuit-shard {text!r}", "such as 2/4")
