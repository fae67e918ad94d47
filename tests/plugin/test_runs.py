"""Ways to run pytest: each gives the same verdicts."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from claims_folder import COSTS, Folder, Run, read_report

CLAIMS = """
@claim(id="supported")
def test_supported(model, ioi):
    assert ioi.logit_diff(model) < 100

@claim(id="refuted")
def test_refuted(model, ioi):
    assert ioi.logit_diff(model.ablate("L0.mlp", kind="zero")) > 100

@claim(id="denied", expect="refuted")
def test_denied(model, ioi):
    assert ioi.accuracy(model) > 0.5

@claim(id="inconclusive", samples=64)
def test_inconclusive(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

def test_ordinary():
    assert 1 + 1 == 2
"""
VERDICTS = {"supported": "supported", "refuted": "refuted", "denied": "refuted", "inconclusive": "inconclusive"}


def without_times(run: Run) -> dict[str, Any]:
    """And without what the store of values gave, and digests of all that."""
    environment, costs = {**run.report["environment"], "time": ""}, COSTS
    claims = [{key: each[key] for key in each if key not in costs} for each in run.report["claims"]]
    return {**run.report, "environment": environment, "claims": claims, "digest": ""}


def test_plain_run_reports_claims_and_leaves_ordinary_tests_alone(folder: Folder) -> None:
    run = folder.run(CLAIMS)
    run.result.assert_outcomes(passed=2, failed=2, xfailed=1)
    assert run.verdicts == VERDICTS
    assert run.exit_code == 1


def test_ordinary_tests_alone_show_nothing_of_claims(folder: Folder) -> None:
    run = folder.run("def test_ordinary(): pass")
    run.result.assert_outcomes(passed=1)
    assert run.report is None
    assert "circuit hypotheses" not in run.text


def test_two_runs_give_identical_reports_up_to_seconds(folder: Folder) -> None:
    assert without_times(folder.run(CLAIMS)) == without_times(folder.run())


def test_exitfirst_stops_at_the_first_refuted(folder: Folder) -> None:
    run = folder.run(CLAIMS, "-x")
    run.result.assert_outcomes(passed=1, failed=1)
    assert run.verdicts == {"supported": "supported", "refuted": "refuted", "denied": "error", "inconclusive": "error"}
    assert not run.report["complete"]
    assert run.claims["denied"]["reason"] == "it was not reached: the run ended before"
    assert "stopping after 1 failures" in run.text


def test_last_failed_reruns_only_the_refuted_and_the_inconclusive(folder: Folder) -> None:
    folder.run(CLAIMS)
    assert folder.run(None, "--lf").verdicts == {"refuted": "refuted", "inconclusive": "inconclusive"}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_workers_give_the_same_report_written_by_the_controller_alone(folder: Folder, workers: int) -> None:
    here = folder.run(CLAIMS, "--circuit-correction=holm")
    (folder.pytester.path / "report.json").unlink()
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write("""
import pathlib, pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid")
    if worker:
        written = pathlib.Path("report.json").exists()
        pathlib.Path(f"finished-{worker}").write_text(f"report there: {written}")
""")
    there = folder.run(None, "--circuit-correction=holm", "-n", str(workers), subprocess=True)

    there.result.assert_outcomes(passed=2, failed=2, xfailed=1)
    assert there.report["summary"] == here.report["summary"]
    times = [report["environment"].pop("time") for report in (there.report, here.report)]
    assert times == sorted(times, reverse=True)
    assert there.report["environment"] == here.report["environment"]
    for name, claim in here.claims.items():  # workers share no values, so forward passes differ
        assert there.claims[name] == {
            **claim,
            **{cost: there.claims[name][cost] for cost in COSTS},
        }
    for worker in range(workers):
        assert (folder.pytester.path / f"finished-gw{worker}").read_text() == "report there: False"
    assert there.text.count("circuit hypotheses") == 1
    advice = [{each["id"]: each for each in run.report["correction"]["claims"]} for run in (here, there)]
    assert advice[0] == advice[1]
    assert len(advice[0]) == 4
    assert len(re.findall(r"^holm at .*: \d of 4 claims", there.text, re.MULTILINE)) == 1


def test_runxfail_makes_the_expected_refutation_a_failure(folder: Folder) -> None:
    run = folder.run(CLAIMS, "--runxfail", "-k", "denied")
    run.result.assert_outcomes(failed=1, deselected=4)
    assert run.verdicts == {"denied": "refuted"}


def test_junitxml_holds_claims_and_verdicts_and_counts_failures(folder: Folder) -> None:
    folder.run(CLAIMS, "--junitxml=junit.xml", "-W", "error::pytest.PytestWarning")
    (suite,) = ElementTree.parse(folder.pytester.path / "junit.xml").getroot()
    counts = {name: int(suite.get(name, "")) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 5, "failures": 2, "errors": 0, "skipped": 1}
    found, seen = {}, 0
    for case in suite.iter("testcase"):
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        if "circuit_claim" in properties:
            found[properties["circuit_claim"]] = properties["circuit_verdict"]
            numbers = [
                float(properties[f"circuit_{name}"]) for name in ("low", "estimate", "high") if "circuit_low" in properties
            ]
            assert numbers == sorted(numbers)
            seen += len(numbers)
    assert seen == 3 * 4
    assert found == {f"{name}[tiny]": verdict for name, verdict in VERDICTS.items()}


def test_junitxml_names_one_verdict_for_each_claim(folder: Folder) -> None:
    folder.run(
        """
import pytest

@pytest.fixture
def breaks():
    yield
    raise RuntimeError("afterwards")

@claim(id="it")
def test_it(model, ioi, breaks):
    assert ioi.logit_diff(model) < 100
""",
        "--junitxml=junit.xml",
    )
    root = ElementTree.parse(folder.pytester.path / "junit.xml").getroot()
    verdicts = {each.get("value") for each in root.iter("property") if each.get("name") == "circuit_verdict"}
    assert verdicts == {"error"}


def test_without_the_plugin_comparisons_are_ordinary_asserts(folder: Folder) -> None:
    run = folder.run(
        """
@claim(id="claimed")
def test_claimed(ioi):
    assert ioi.logit_diff(cc.load("tiny")) > 100

def test_unclaimed(ioi):
    assert ioi.logit_diff(cc.load("tiny")) < 100

def test_ordinary():
    assert 1 + 1 == 2
""",
        "-p",
        "no:circuitcheck",
        report=False,
    )
    run.result.assert_outcomes(passed=2, failed=1)
    run.shows("E*ioi.logit_diff(model)*> 100*")


def test_without_the_plugin_a_claim_on_the_model_fixture_says_what_is_missing(folder: Folder) -> None:
    run = folder.run(CLAIMS, "-p", "no:circuitcheck", report=False)
    run.result.assert_outcomes(passed=1, errors=4)
    run.shows("E*fixture 'circuit_model' not found")


def test_without_the_terminal_the_report_is_written(folder: Folder) -> None:
    run = folder.run(CLAIMS, "-p", "no:terminalreporter")
    assert run.exit_code == 1
    assert run.verdicts == VERDICTS


@pytest.mark.parametrize("flag", ["-q", "-v", "-s", "--tb=no"])
@pytest.mark.sampled(1)
def test_output_flags_change_no_verdict(folder: Folder, flag: str) -> None:
    assert folder.run(CLAIMS, flag).verdicts == VERDICTS


def test_keyword_selects_claims(folder: Folder) -> None:
    run = folder.run(CLAIMS, "-k", "supported or inconclusive")
    run.result.assert_outcomes(passed=1, failed=1, deselected=3)
    assert run.verdicts == {"supported": "supported", "inconclusive": "inconclusive"}


@pytest.mark.slow
def test_verdicts_do_not_depend_on_the_order_of_claims(folder: Folder) -> None:
    forward = folder.run(CLAIMS)
    nodes = [f"hypotheses/test_claims.py::test_{name}" for name in reversed(VERDICTS)]
    folder.pytest("--circuit-report=report.json", *nodes).assert_outcomes(passed=1, failed=2, xfailed=1)
    backward = {claim["id"]: claim for claim in read_report(folder.pytester.path / "report.json")["claims"]}
    assert list(backward) == list(reversed(VERDICTS))
    for name, claim in forward.claims.items():
        assert backward[name]["comparisons"] == claim["comparisons"]


def test_interrupted_run_writes_the_claims_that_were_settled(folder: Folder) -> None:
    source = """
@claim(id="interrupted")
def test_interrupted(model, ioi):
    raise KeyboardInterrupt
"""
    run = folder.run(CLAIMS + source, no_reraise_ctrlc=True)
    assert run.exit_code == run.report["exit_status"] == pytest.ExitCode.INTERRUPTED
    assert run.verdicts == {**VERDICTS, "interrupted": "error"}
    assert "started and never came back" in run.claims["interrupted"]["reason"]
