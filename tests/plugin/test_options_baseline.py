"""--circuit-baseline FILE"""

import json
from pathlib import Path

import pytest
from claims_folder import Folder
from drifting_models import CLAIMS, words

from circuitcheck.cli import main
from circuitcheck.runs.baseline import read_baseline, write_baseline

NEW = ("--circuit-baseline=base.json", "--circuit-baseline-update=new")
THEN = "--circuit-baseline=base.json"


def test_a_run_is_compared_with_what_an_earlier_one_wrote(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    written = folder.run(CLAIMS, *NEW, "--circuit-report=first.json")
    written.shows("*= drift =*", "baseline: 2 claims in base.json, values in base.json.values: commit both")
    text = json.loads(Path("base.json").read_text())
    assert text["claims"]["cut[tiny]"]["verdict"] == "supported"
    assert len(Path("base.json").read_text()) < 2000

    again = folder.run(CLAIMS, THEN)
    again.result.assert_outcomes(passed=2)
    assert words(again) == {"cut": "same", "untouched": "same"}
    assert again.report["claims"][0]["drift"]["questions"][0]["verdict_before"] == "supported"

    other_text = CLAIMS.replace("< 100", "< 99")
    changed = folder.run(other_text, THEN)
    assert words(changed) == {"cut": "not comparable", "untouched": "same"}
    assert changed.exit_code == 0  # nothing broke; test_options_baseline_update.py has the condition that fails it
    changed.shows("*cut[[]tiny[]]: not comparable: the threshold changed: < 100 before, < 99 now")

    gone = folder.run(CLAIMS.replace('id="cut"', 'id="renamed"'), THEN, "--circuit-compare-fail=orphans > 0")
    assert gone.exit_code == 1
    assert gone.report["baseline"] == {
        "orphans": ["cut[tiny]"],
        "new": ["renamed[tiny]"],
        "not_run": [],
        "failed": ["orphans > 0"],
    }
    gone.shows("only in the earlier run: cut[[]tiny[]]", "only in the later run: renamed[[]tiny[]]", "failed: orphans > 0*")
    chosen = folder.run(CLAIMS, THEN, "--circuit-compare-fail=orphans > 0", "-k", "untouched")
    assert chosen.exit_code == 0
    chosen.shows("1 claims of the baseline were not run")
    shard = folder.run(CLAIMS, THEN, "--circuit-compare-fail=orphans > 0", "--circuit-shard=2/3")
    assert (shard.exit_code, list(shard.claims)) == (0, ["untouched"])
    shard.shows("1 claims of the baseline were not run")

    capsys.readouterr()
    assert main(["compare", "base.json", "report.json"]) == 0
    assert main(["recheck", "report.json"]) == 0
    assert "1 agree" in capsys.readouterr().out


OF_A_TASK = """
MINE = cc.Task.define(
    "mine",
    templates={"a": "Then {A} met {B} and", "b": "Now {A} saw {B} and"},
    pools={"name": ["Mary", "John", "Tom", "James"]},
    draw={"A": "name", "B": "name"},
    answer="A",
    distractor="B",
)

@claim(id="mine", samples=32)
def test_mine(model):
    assert MINE.logit_diff(model) < 100
"""


def test_a_task_whose_template_changed_is_no_longer_comparable(folder: Folder) -> None:
    folder.run(CLAIMS + OF_A_TASK, *NEW)
    reworded = CLAIMS + OF_A_TASK.replace("Now {A} saw", "Later {A} saw")
    changed = folder.run(reworded, THEN, "--circuit-compare-fail=not_comparable")
    assert words(changed) == {"mine": "not comparable", "cut": "same", "untouched": "same"}
    assert changed.exit_code == 1
    changed.shows("*mine[[]tiny[]]: not comparable: *task*")
    assert main(["compare", "base.json", "report.json", "--fail", "moved"]) == 0


@pytest.mark.slow
def test_damaged_missing_and_edited_files_are_told_before_anything_runs(folder: Folder) -> None:
    folder.run(CLAIMS, THEN).usage_error("base.json", "there is no such file", "--circuit-baseline-update new")
    folder.run(CLAIMS, *NEW)
    text, values = Path("base.json").read_text(), Path("base.json.values").read_bytes()

    Path("base.json").write_text(text.replace('"verdict": "supported"', '"verdict": "refuted"', 1))
    folder.run(CLAIMS, THEN).usage_error("says something else than the values beside it")
    Path("base.json").write_text(text)
    Path("base.json.values").write_bytes(values[:-10])
    folder.run(CLAIMS, THEN).usage_error("base.json.values", "is not the file that base.json was written with")
    Path("base.json.values").unlink()
    folder.run(CLAIMS, THEN).usage_error("there is no base.json.values")
    Path("base.json").write_text("[]")
    folder.run(CLAIMS, THEN).usage_error("is no baseline")
    healed = folder.run(CLAIMS, THEN, "--circuit-baseline-update=all")
    healed.shows("the earlier baseline is not compared with:*")
    assert len(read_baseline(Path("base.json"))) == 2


def test_a_baseline_that_does_not_fit_together_fails_the_run_and_loses_nothing(folder: Folder) -> None:
    """Made by hand, with all its digests: no run writes such a one."""
    folder.run(CLAIMS, *NEW)
    claims = [dict(claim) for claim in read_baseline(Path("base.json"))]
    claims[0]["measured"] = []
    write_baseline(Path("base.json"), claims)
    run = folder.run(CLAIMS, THEN)
    assert run.exit_code == 1
    assert run.verdicts == {"cut": "supported", "untouched": "supported"}
    run.shows("nothing could be compared: what the result rests on cannot be read*", "failed: the baseline does not fit*")


@pytest.mark.slow
def test_ini_names_one_from_its_folder(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_baseline = base.json\n")
    folder.run(CLAIMS, "--circuit-baseline-update=new")
    assert words(folder.run(CLAIMS)) == {"cut": "same", "untouched": "same"}


def test_without_it_nothing_is_compared_or_written(folder: Folder) -> None:
    run = folder.run(CLAIMS)
    assert words(run) == {"cut": None, "untouched": None}
    assert "= drift =" not in run.text
    assert not list(Path.cwd().glob("*.values"))
    assert run.claims["cut"]["comparisons"][0]["rests_on"]["fixed"] == 32
    assert "baseline" not in run.report
