"""--circuit-samples N: an execution setting, so command line before claim before ini."""

import pytest
from claims_folder import Folder, Run

UNDECIDED = """
@claim(id="it"{arguments})
def test_it(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)
"""
BARE = UNDECIDED.format(arguments="")
MARKED = UNDECIDED.format(arguments=", samples=64")


def drawn(run: Run) -> list[int]:
    (comparison,) = run.claims["it"]["comparisons"]
    assert run.verdicts == {"it": "inconclusive"}
    return [n for n, _, _ in comparison["looks"]]


def test_default_looks_are_at_32_to_512(folder: Folder) -> None:
    run = folder.run(BARE)
    assert drawn(run) == [32, 48, 64, 96, 128, 192, 256, 384, 512]
    assert run.claims["it"]["prompts"] == 512


def test_command_line_ends_the_looks(folder: Folder) -> None:
    run = folder.run(BARE, "--circuit-samples=128")
    assert drawn(run) == [32, 48, 64, 96, 128]
    assert run.report["environment"]["samples"] == 128


def test_a_budget_between_looks_is_spent_whole(folder: Folder) -> None:
    assert drawn(folder.run(BARE, "--circuit-samples=100"))[-1] == 100


def test_claim_comes_before_ini(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_samples = 128\n")
    assert drawn(folder.run(BARE))[-1] == 128
    assert drawn(folder.run(MARKED))[-1] == 64


def test_command_line_comes_before_claim_and_ini(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_samples = 128\n")
    assert drawn(folder.run(MARKED, "--circuit-samples=32")) == [32]


@pytest.mark.parametrize("value, expected", [("8", "32"), ("31", "32"), ("0", "1 or more"), ("-1", "1 or more")])
def test_less_than_the_first_look_is_a_usage_error(folder: Folder, value: str, expected: str) -> None:
    folder.run(BARE, f"--circuit-samples={value}").usage_error(value, expected)


@pytest.mark.parametrize("value", ["8", "many"])
def test_bad_value_in_the_ini_is_a_usage_error(folder: Folder, value: str) -> None:
    folder.pytester.makeini(f"[pytest]\ncircuit_samples = {value}\n")
    folder.run(BARE).usage_error(value)


@pytest.mark.parametrize(
    "line",
    ["circuit_samples = [1, 2]", "circuit_confidence = [0.9]", "circuit_time_budget = [1]"],
)
def test_a_value_of_another_shape_in_pyproject_is_a_usage_error(folder: Folder, line: str) -> None:
    folder.pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\n{line}\n")
    folder.run(BARE).usage_error(line.split(" = ")[0], "expected")


def test_claim_with_less_than_the_first_look_is_an_error_that_names_both(folder: Folder) -> None:
    run = folder.run(UNDECIDED.format(arguments=", samples=8"))
    assert run.verdicts == {"it": "error"}
    assert "8" in run.claims["it"]["reason"]
    assert "32" in run.claims["it"]["reason"]
