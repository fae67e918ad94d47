"""cc.forall in claims, and --circuit-counterexamples: where violations are kept from one run to the next."""

from pathlib import Path

import pytest
from claims_folder import Folder, Run

FOUND, STORED = "found at prompt #", "a stored counterexample still holds"
TASK = """
people = cc.Task.define(
    "people",
    templates={"met": "Then {A} met {B} and", "saw": "Now {A} saw {B} and"},
    pools={"name": ["Mary", "John", "Tom", "James", "Sarah", "David", "Paul", "Mark", "Anna", "Emma"]},
    draw={"A": "name", "B": "name"},
    answer="A",
    distractor="B",
)
"""
CLAIM = (
    TASK
    + """
@claim(id="it")
def test_it(model):
    assert cc.forall(people.logit_diff(model) > 0, rate=0.05)
"""
)
NAMES = """
def names(_logits, prompts):
    return [0.0 if prompt.slots["A"] == "Tom" else 1.0 for prompt in prompts]

TOM = cc.metric(names, name="names")
"""
MINE = (
    TASK
    + NAMES
    + """
@claim(id="it")
def test_it(model):
    assert cc.forall(people.metric(TOM, model) > 0.5)
"""
)
KINDS = (
    MINE
    + """
@claim(id="expected", expect="refuted")
def test_expected(model):
    assert cc.forall(people.metric(TOM, model) > 0.5)

@claim(id="never")
def test_never(model):
    assert cc.forall(people.metric(TOM, model) > -1, rate=0.05)

@claim(id="less-sure", confidence=0.8)
def test_less_sure(model):
    assert cc.forall(people.metric(TOM, model) > -1, rate=0.05)

@claim(id="few")
def test_few(model):
    assert cc.forall(people.metric(TOM, model) > -1, rate=0.05, prompts=40)
"""
)


def compared(run: Run, name: str = "it") -> dict:
    (comparison,) = run.claims[name]["comparisons"]
    return comparison


def shown(run: Run) -> str:
    (contrary,) = compared(run)["contrary"]
    return contrary["text"]


def says(run: Run, words: str) -> bool:
    return any(words in warning for warning in compared(run)["warnings"])


def files(folder: Folder) -> dict[Path, bytes]:
    """What is there, but for the model and what every run writes."""
    found = [path for path in folder.pytester.path.rglob("*") if path.is_file()]
    others = {"tiny", "__pycache__", "report.json", "journals", "values"}
    return {path: path.read_bytes() for path in found if not others & set(path.parts)}


def test_a_claim_is_refuted_by_a_prompt_that_is_shown_as_it_was_shrunk_or_supported_with_a_bound(folder: Folder) -> None:
    run = folder.run(KINDS)
    run.result.assert_outcomes(failed=2, passed=2, xfailed=1)
    assert run.verdicts == {
        "it": "refuted",
        "expected": "refuted",
        "never": "supported",
        "less-sure": "supported",
        "few": "inconclusive",
    }
    assert "Tom" in shown(run)
    run.shows("E*for all prompts: *names(*) > 0.5 is refuted", f"E*shrunk*{shown(run)}")
    for name, n, tail in (("never", 72, 0.025), ("less-sure", 45, 0.1), ("few", 40, 0.025)):
        comparison = compared(run, name)
        assert (comparison["n"], comparison["estimate"], comparison["ci"][0]) == (n, 0, 0)
        assert comparison["ci"][1] == pytest.approx(1 - tail ** (1 / n))


def test_the_ini_names_a_folder_and_the_command_line_comes_first(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_counterexamples = from-ini\n")
    by_ini = folder.run(CLAIM)
    by_line = folder.run(None, "--circuit-counterexamples=from-line/below")
    again = folder.run(None)
    assert [says(run, FOUND) for run in (by_ini, by_line, again)] == [True, True, False]
    assert [says(run, STORED) for run in (by_ini, by_line, again)] == [False, False, True]
    assert shown(by_ini) == shown(by_line) == shown(again)
    assert again.claims["it"]["forward_passes"] == 0  # the run that stored it measured it as the next one does
    for name in ("from-ini", "from-line/below"):
        (kept,) = (folder.pytester.path / name).glob("*.json")
        assert compared(again)["contrary"][0]["template"] in kept.read_text()


def test_by_default_the_next_run_tries_them_first_whatever_prompts_it_would_draw(folder: Folder) -> None:
    before = files(folder)
    first = folder.run(CLAIM)
    kept = [path for path in files(folder) if path not in before and path.suffix == ".json"]
    again = folder.run(None, "--circuit-seed=5", "--circuit-samples=64")
    assert not says(first, STORED)
    assert says(again, STORED)
    assert again.verdicts == first.verdicts == {"it": "refuted"}
    assert shown(again) == shown(first)
    assert len(kept) == 1
    kept[0].write_text("{")
    assert folder.run(None).claims["it"]["comparisons"] == first.claims["it"]["comparisons"]


def test_off_keeps_nothing_and_tries_nothing(folder: Folder) -> None:
    folder.run(CLAIM)
    before = files(folder)
    assert says(folder.run(None, "--circuit-counterexamples=off"), FOUND)
    assert files(folder) == before
    folder.pytester.makeini("[pytest]\ncircuit_counterexamples = off\n")
    before = files(folder)
    assert says(folder.run(None), FOUND)
    assert files(folder) == before


def test_a_metric_of_ones_own_is_tried_first_too(folder: Folder) -> None:
    first, again = (folder.run(MINE, "--circuit-counterexamples=kept") for _ in range(2))
    assert shown(again) == shown(first)
    assert says(again, STORED)
    assert len(list((folder.pytester.path / "kept").iterdir())) == 1
