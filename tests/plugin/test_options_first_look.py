"""--circuit-first-look N: so many prompts at least."""

import pytest
from claims_folder import Folder, Run

CLAIM = """
@claim(id="it")
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def looks(run: Run) -> list[int]:
    (comparison,) = run.claims["it"]["comparisons"]
    return [n for n, _, _ in comparison["looks"]]


def test_the_first_look_is_after_so_many_prompts(folder: Folder) -> None:
    assert looks(folder.run(CLAIM)) == [32]
    run = folder.run(None, "--circuit-first-look=100")
    assert (looks(run), run.report["environment"]["first_look"]) == ([100], 100)


def test_ini_sets_it(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_first_look = 64\n")
    assert looks(folder.run(CLAIM)) == [64]


@pytest.mark.parametrize("value", ["1", "0", "-3", "513", "few"])
def test_what_shows_nothing_or_exceeds_the_budget_is_a_usage_error(folder: Folder, value: str) -> None:
    folder.run(CLAIM, f"--circuit-first-look={value}").usage_error(value)
