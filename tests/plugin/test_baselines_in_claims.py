"""`quantity - cc.baseline(FILE)[ID]` in a claim.

How it could be fooled: a baseline of another seed or stream; another task of the same name; a change that no report can make
again from its numbers."""

import pytest
from claims_folder import Folder
from drifting_models import CLAIMS, with_another_model

from circuitcheck.cli import main

SINCE = """
@claim(id="since")
def test_since(model, ioi):
    then = cc.baseline("base.json")["untouched"]
    assert ioi.logit_diff(model) - then == cc.approx(0, abs=0.05)

@claim(id="other")
def test_other(model, ioi):
    change = ioi.logit_diff(model.ablate("L0.mlp", kind="zero")) - cc.baseline("base.json")["untouched"]
    assert change < 50
"""
UNKNOWN = """
@claim(id="unknown")
def test_unknown(model, ioi):
    assert ioi.logit_diff(model) - cc.baseline("base.json")["untouch"] < 1
"""
ANOTHER_TASK = """
@claim(id="task")
def test_task(model, induction):
    assert induction.logit_diff(model) - cc.baseline("base.json")["untouched"] < 1
"""
LOOSE = "\n@claim(id='loose')\ndef test_loose(model, ioi):\n    assert ioi.logit_diff(model) - ({}) < 1\n"


def test_a_change_is_claimed_and_made_again_from_the_report(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    with_another_model(folder)
    folder.run(CLAIMS, "--circuit-baseline=base.json", "--circuit-baseline-update=new")
    run = folder.run(SINCE + UNKNOWN + ANOTHER_TASK)
    (found,) = run.claims["since"]["comparisons"]
    assert (run.verdicts["since"], found["estimate"], found["n"]) == ("supported", 0.0, 192)
    assert "nothing is left to chance" in found["method_in_words"]
    (other,) = run.claims["other"]["comparisons"]
    assert any("was another expression" in each for each in other["warnings"])
    assert run.verdicts["unknown"] == run.verdicts["task"] == "error"
    assert "Did you mean 'untouched" in run.claims["unknown"]["reason"]
    assert "the task was ioi and is induction" in run.claims["task"]["reason"]
    assert main(["recheck", "report.json"]) == 0
    said = capsys.readouterr().out
    assert "agrees       since[tiny]" in said
    assert "agrees       other[tiny]" in said
    assert "differs" not in said

    moved = folder.run(SINCE, "--circuit-model=tiny=other")
    (changed,) = moved.claims["since"]["comparisons"]
    assert moved.verdicts["since"] == "inconclusive"
    assert changed["estimate"] != 0
    assert len(changed["contrary"]) == 3
    seeded = folder.run(SINCE, "--circuit-seed=1")
    assert set(seeded.verdicts.values()) == {"error"}
    assert "the seed was 0 and is 1" in seeded.claims["since"]["reason"]
    assert main(["compare", "report.json", "report.json"]) == 0
