"""--circuit-confidence: a scientific setting, so claim before command line before ini."""

import pytest
from claims_folder import Folder, Run

CLAIM = """
@claim(id="it", samples=32{arguments})
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
BARE = CLAIM.format(arguments="")
MARKED = CLAIM.format(arguments=", confidence=0.9")


def used(run: Run) -> float:
    (comparison,) = run.claims["it"]["comparisons"]
    return comparison["confidence"]


def width(run: Run) -> float:
    (comparison,) = run.claims["it"]["comparisons"]
    low, high = comparison["ci"]
    return high - low


def test_default_is_95_percent(folder: Folder) -> None:
    run = folder.run(BARE)
    assert used(run) == run.report["environment"]["confidence"] == 0.95


def test_command_line_sets_it_and_more_of_it_widens_the_interval(folder: Folder) -> None:
    usual, sure = folder.run(BARE), folder.run(None, "--circuit-confidence=0.999")
    assert used(sure) == sure.report["environment"]["confidence"] == 0.999
    assert width(sure) > width(usual)


def test_command_line_comes_before_ini(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_confidence = 0.99\n")
    assert used(folder.run(BARE)) == 0.99
    assert used(folder.run(None, "--circuit-confidence=0.8")) == 0.8


def test_claim_comes_before_command_line_and_ini(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_confidence = 0.99\n")
    assert used(folder.run(MARKED)) == 0.9
    assert used(folder.run(None, "--circuit-confidence=0.8")) == 0.9


@pytest.mark.parametrize("value", ["1.5", "0.2", "1", "nan", "high"])
def test_bad_value_is_a_usage_error(folder: Folder, value: str) -> None:
    folder.run(BARE, f"--circuit-confidence={value}").usage_error("--circuit-confidence", value)


@pytest.mark.parametrize("value", ["1.5", "high"])
def test_bad_value_in_the_ini_is_a_usage_error(folder: Folder, value: str) -> None:
    folder.pytester.makeini(f"[pytest]\ncircuit_confidence = {value}\n")
    folder.run(BARE).usage_error(value)


def test_bad_value_in_a_claim_stops_collection_and_names_it(folder: Folder) -> None:
    run = folder.run(CLAIM.format(arguments=", confidence=1.5"))
    run.result.assert_outcomes(errors=1)
    assert run.exit_code == pytest.ExitCode.INTERRUPTED
    run.shows("E*ValueError: claim 'it': confidence=1.5*")
