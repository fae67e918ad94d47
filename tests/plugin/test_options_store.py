"""--circuit-store FOLDER|off: what was measured is not measured again by a later run, killed or not, with any workers."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from claims_folder import COSTS, FIXTURES, Folder, Run, read_report

from circuitcheck.report.reuse import reuse_line

CLAIMS = """
@claim(id="supported")
def test_supported(model, ioi):
    assert ioi.logit_diff(model.ablate("L0H1", kind="mean", at="END", n=32)) < 100

@claim(id="refuted", expect="refuted")
def test_refuted(model, ioi):
    assert ioi.logit_diff(model.ablate("L1H2", kind="zero")) > 100

@claim(id="vacuous")
def test_vacuous(model, ioi):
    twice = model.ablate("L0H1", kind="zero").ablate("L0H1", kind="zero")
    assert ioi.logit_diff(twice) < 100
"""


def told(run: Run) -> dict[str, Any]:
    """All that a report says of claims, but how long they took and what they cost."""
    costs = (*COSTS, "node")
    return {name: {key: each[key] for key in each if key not in costs} for name, each in run.claims.items()}


def passes(run: Run) -> int:
    return sum(each["forward_passes"] for each in run.claims.values())


def reused(run: Run) -> tuple[int, int]:
    values, of = (sum(each["reused"][part] for each in run.claims.values()) for part in ("values", "of"))
    return values, of


def store_of(folder: Folder, name: str = ".circuitcheck/values") -> Path:
    return folder.pytester.path / name


def test_a_second_run_measures_nothing_and_says_the_same(folder: Folder) -> None:
    first, again = folder.run(CLAIMS), folder.run()
    assert first.verdicts == {"supported": "supported", "refuted": "refuted", "vacuous": "error"}
    assert told(again) == told(first)
    assert (passes(first) > 0, passes(again)) == (True, 0)
    values, of = reused(first)
    assert (values, reused(again)) == (0, (of, of))
    day = time.strftime("%Y-%m-%d", time.gmtime())
    again.shows(f"values of {day} reused: {of:,} of {of:,}")
    assert "reused" not in first.text
    assert again.claims["supported"]["reused"]["since"] == day
    assert store_of(folder).is_dir()


SETTLED = """
@cc.claim("a sentence", id="settled", model="organism")  # whose files were there before
def test_settled(model, ioi):
    assert ioi.recovered(model.ablate("L1H2", kind="zero")) < 2

@claim(id="missing", model="nobody/no-such-model-1b")
def test_missing(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
TELLS_OF_IMPORTS = """
import sys

def pytest_terminal_summary(terminalreporter):
    slow = ("transformer_lens", "sae_lens", "transformers.models.gpt2.modeling_gpt2", "torch._dynamo", "pandas")
    terminalreporter.write_line(f"imported: {[name for name in slow if name in sys.modules]}")
"""


def test_a_run_that_measures_nothing_does_not_import_what_runs_models(folder: Folder) -> None:
    folder.run(SETTLED)
    (folder.path / "conftest.py").write_text(FIXTURES + TELLS_OF_IMPORTS)
    again = folder.run(subprocess=True)
    assert (again.verdicts["settled"], passes(again)) == ("supported", 0)
    assert "imported: []" in again.text, again.text


def test_off_writes_nothing(folder: Folder) -> None:
    for _ in range(2):
        run = folder.run(CLAIMS, "--circuit-store=off")
        assert passes(run) > 0
    assert reused(run)[0] == 0
    assert not store_of(folder).exists()


def test_the_ini_file_and_the_command_line_name_a_folder(folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_store = kept/values\n")
    folder.run(CLAIMS)
    assert [each.name for each in store_of(folder, "kept/values").iterdir()] == ["values-0.db"]
    assert passes(folder.run(None, "--circuit-store=other")) > 0
    assert passes(folder.run()) == 0
    assert not store_of(folder).exists()


def test_a_folder_that_cannot_be_used_is_told_once_and_costs_nothing_but_time(folder: Folder) -> None:
    (folder.pytester.path / "file").write_text("")
    run = folder.run(CLAIMS, "--circuit-store=file")
    assert run.verdicts["supported"] == "supported"
    assert run.text.count("this run goes on without it") == 1


KILLED = (
    CLAIMS
    + """
@claim(id="killed")
def test_killed(model, ioi):
    import os, signal
    if os.environ.pop("KILL", ""):
        os.kill(os.getpid(), signal.SIGKILL)
    assert ioi.logit_diff(model.ablate("L1H0", kind="zero")) < 100
"""
)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_where_it_stopped_with_other_workers(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder.run(KILLED, "--circuit-store=whole")
    monkeypatch.setenv("KILL", "1")
    folder.pytest("hypotheses", subprocess=True)
    monkeypatch.delenv("KILL")
    for workers in ("-n2", "-n0"):
        run = folder.run(None, workers, "--dist=loadfile", subprocess=True)
        assert told(run) == told(whole)
        assert reused(run)[0] > 0
    assert passes(run) == 0


@pytest.mark.slow
def test_two_runs_at_once_in_one_folder_are_both_right(folder: Folder) -> None:
    whole = told(folder.run(CLAIMS, "--circuit-store=off"))
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "hypotheses", f"--circuit-report={number}.json"], cwd=folder.pytester.path
        )
        for number in range(2)
    ]
    for each in both:
        each.wait(timeout=120)
    for number in range(2):
        report = read_report(folder.pytester.path / f"{number}.json")
        found = {claim["id"]: claim["verdict"] for claim in report["claims"]}
        assert found == {name: claim["verdict"] for name, claim in whole.items()}


@pytest.mark.slow
def test_notices_of_workers_reach_the_summary(folder: Folder) -> None:
    (folder.pytester.path / "file").write_text("")
    run = folder.run(CLAIMS, "-n1", "--circuit-store=file", subprocess=True)
    assert run.text.count("this run goes on without it") == 1


def test_the_summary_line_is_made_of_claims(folder: Folder) -> None:
    """So `circuitcheck report` says it, too."""

    def claim(values: int, of: int, since: str | None = None, until: str | None = None) -> dict[str, Any]:
        return {"reused": {"values": values, "of": of, "since": since, "until": until}}

    assert reuse_line([claim(0, 50), claim(0, 0)]) is None
    found = reuse_line(
        [claim(0, 50), claim(1000, 1000, "2026-07-02", "2026-07-03"), claim(9, 10, "2026-06-30", "2026-07-01")]
    )
    assert found == "values of 2026-06-30 to 2026-07-03 reused: 1,009 of 1,060"
