"""What came back is kept, and what did not is missed, however a run ends."""

import json
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from claims_folder import Folder, read_report

from circuitcheck.cli import main

HOLDS = "assert ioi.logit_diff(model) < 100"


def claims(**bodies: str) -> str:
    return "import os, pathlib, signal, time\n" + "".join(
        f"@claim(id={name!r}, samples=32)\ndef test_{name}(model, ioi):\n    {body}\n\n" for name, body in bodies.items()
    )


def journal(folder: Folder) -> Path:
    return max((folder.pytester.path / ".circuitcheck" / "journals").glob("*.jsonl"))


def reported(folder: Folder) -> dict[str, object]:
    """What `circuitcheck report` makes of the journal."""
    path = folder.pytester.path / "from_journal.json"
    main(["report", str(journal(folder)), "-o", str(path)])
    return read_report(path)


def verdicts(report: dict[str, object]) -> dict[str, str]:
    return {claim["id"]: claim["verdict"] for claim in report["claims"]}


DEATHS = [
    pytest.param("os.kill(os.getpid(), signal.SIGKILL)", id="kill"),
    pytest.param("os._exit(0)", id="exit", marks=pytest.mark.slow),
    pytest.param("os.abort()", id="abort", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.slow
def test_a_process_that_dies_leaves_its_journal(folder: Folder, death: str) -> None:
    run = folder.run(claims(first=HOLDS, dies=death, later=HOLDS), subprocess=True)
    assert run.report is None
    found = reported(folder)
    assert verdicts(found) == {"first": "supported", "dies": "error", "later": "error"}
    reasons = {claim["id"]: claim["reason"] for claim in found["claims"]}
    assert "started and never came back" in reasons["dies"]
    assert "not reached" in reasons["later"]
    assert (found["complete"], found["exit_status"]) == (False, -1)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_worker_that_dies_takes_one_claim_along_that_is_missed(folder: Folder, workers: str) -> None:
    run = folder.run(claims(first=HOLDS, dies="os._exit(9)", later=HOLDS), "-n", workers, subprocess=True)
    assert run.exit_code == 1
    assert run.verdicts == {"first": "supported", "dies": "error", "later": "supported"}
    assert not run.report["complete"]
    assert "3 claims (2 different): 2 supported, 1 error; 2 as expected" in run.text
    assert verdicts(reported(folder)) == run.verdicts


@pytest.fixture
def unhandled() -> Iterator[None]:
    """A shell's background jobs ignore an interrupt, and so would all that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_run_that_is_told_to_end_reports_what_it_has(folder: Folder, number: int, unhandled: None) -> None:
    stops = f"os.kill(os.getpid(), {int(number)}); time.sleep(5)"
    run = folder.run(claims(first=HOLDS, stops=stops, later=HOLDS), subprocess=True)
    assert run.exit_code == run.report["exit_status"] == pytest.ExitCode.INTERRUPTED
    assert run.verdicts == {"first": "supported", "stops": "error", "later": "error"}
    assert not run.report["complete"]
    assert verdicts(reported(folder)) == run.verdicts


@pytest.mark.slow
def test_a_run_that_is_told_to_end_when_it_is_over_ends_as_it_would(folder: Folder) -> None:
    with (folder.path / "conftest.py").open("a") as conftest:
        conftest.write("def pytest_sessionfinish():\n    import os; os.kill(os.getpid(), 15)\n")
    run = folder.run(claims(first=HOLDS), subprocess=True)
    assert (run.exit_code, run.verdicts, run.report["complete"]) == (0, {"first": "supported"}, True)
    assert "Traceback" not in run.text + run.result.stderr.str()


def fill_the_disk(running: "subprocess.Popen[bytes]", folder: Folder) -> None:
    size = journal(folder).stat().st_size + 500
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, size))


def make_read_only(_running: "subprocess.Popen[bytes]", folder: Folder) -> None:
    folder.pytester.path.chmod(0o555)


# Of root, for whom no folder is read-only, its rights are taken first.
WITHOUT_RIGHTS = """
import ctypes, sys, pytest
ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
sys.exit(pytest.main())
"""


def finished_before(folder: Folder) -> set[str]:
    """The claims whose results are in the journal now."""
    lines = journal(folder).read_text().split("\n")[:-1]
    return {entry["claim"]["id"] for entry in map(json.loads, lines) if entry["kind"] == "result"}


ENDS = {
    "kill": lambda running, _: running.kill(),
    "terminate": lambda running, _: running.terminate(),
    "abort": lambda running, _: running.send_signal(signal.SIGABRT),
    "full": fill_the_disk,
    "read-only": make_read_only,
}
STATUS = {"kill": -signal.SIGKILL, "terminate": 2, "abort": -signal.SIGABRT, "full": 1, "read-only": 1}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_whatever_happens_to_a_run_at_any_moment_nothing_finished_is_lost(
    folder: Folder, workers: list[str], end: str
) -> None:
    """50 moments in all, over the time from the first result on."""
    folder.write(claims(**{f"claim{i}": f"time.sleep(0.1); {HOLDS}" for i in range(40)}))
    where, kept = folder.pytester.path, folder.pytester.path / ".circuitcheck" / "journals"
    options = ["-o", f"circuit_doctor={folder.checkups}", "--circuit-report=report.json", "-p", "no:cacheprovider"]
    command = [sys.executable, "-c", WITHOUT_RIGHTS, "-p", "no:hypothesispytest", "-q", *options, *workers, "hypotheses"]
    dice = random.Random(f"{end} {workers}")
    for _ in range(5):
        for old in [*kept.glob("*"), *where.glob("report.json")]:
            old.unlink()
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=where)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not any(finished_before(folder) for _ in kept.glob("*")):
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 1.5))
        before = finished_before(folder)
        if running.poll() is not None:  # it was quicker
            assert set(verdicts(reported(folder)).values()) == {"supported"}
            continue
        ENDS[end](running, folder)
        said = running.communicate(timeout=60)[0].decode()
        where.chmod(0o755)
        found = reported(folder)
        counts = verdicts(found)
        assert len(counts) == 40
        assert {name for name, verdict in counts.items() if verdict == "supported"} >= before
        assert set(counts.values()) <= {"supported", "error"}
        whole = "error" not in counts.values() and found["exit_status"] >= 0
        assert found["complete"] == whole
        assert running.returncode == (0 if whole and end in ("kill", "terminate", "abort") else STATUS[end]), said
        assert (where / "report.json").exists() == (end == "terminate" or (whole and end != "read-only")), said
        if end in ("full", "read-only"):
            assert ": 40 supported; 40 as expected" in said
            assert "report NOT written" in said
            assert ("could NOT be written to" in said) == (end == "full")


def test_a_report_that_cannot_be_written_costs_neither_table_nor_results(folder: Folder) -> None:
    gone = "import shutil; shutil.rmtree('there')"
    run = folder.run(claims(first=f"{gone}\n    {HOLDS}"), "--circuit-report=there/r.json", report=False)
    assert run.exit_code == 1
    run.shows("*1 claim: 1 supported; 1 as expected", "*report NOT written to there/r.json: FileNotFoundError*")
    run.shows("*every result that arrived: circuitcheck report *.jsonl")
    assert verdicts(reported(folder)) == {"first": "supported"}


def test_a_report_goes_beside_its_ini_file_and_replaces_a_link(folder: Folder, tmp_path: Path) -> None:
    target, there = tmp_path / "target", folder.pytester.mkdir("there")
    target.write_text("mine")
    (there / "r.json").symlink_to(target)
    (there / "pytest.ini").write_text("[pytest]\ncircuit_report = r.json\n")
    folder.run(claims(first=HOLDS), "-c", "there/pytest.ini", report=False)
    assert target.read_text() == "mine"
    assert verdicts(read_report(there / "r.json")) == {"first": "supported"}


@pytest.mark.parametrize("workers", [[], pytest.param(["-n", "2"], marks=pytest.mark.slow)], ids=["alone", "workers"])
def test_text_that_no_file_can_hold_is_escaped(folder: Folder, workers: list[str]) -> None:
    source = claims(odd=HOLDS, raises="raise RuntimeError('odd \\udc80')", prints="print('\\udc80')\n    assert 0")
    source = source.replace("@claim(id='odd'", "@cc.claim('a text \\udc80 \\x1b[2J', model='tiny', id='odd'")
    run = folder.run(source, *workers, subprocess=bool(workers))
    assert run.exit_code == 1
    assert run.claims["odd"]["text"] == r"a text \udc80 \x1b[2J"
    assert run.verdicts == {"odd": "supported", "raises": "error", "prints": "error"}
    assert run.claims["raises"]["reason"] == r"RuntimeError: odd \udc80"


def test_an_error_that_cannot_say_what_it_is_ends_nothing(folder: Folder) -> None:
    mute = "class Mute(Exception):\n        def __str__(self): raise ValueError\n    raise Mute"
    run = folder.run(claims(mute=mute, later=HOLDS))
    assert run.verdicts == {"mute": "error", "later": "supported"}
    assert run.claims["mute"]["reason"] == "Mute: (its text raises ValueError)"


@pytest.mark.parametrize("text", ["", "{}\n", "[1]\n", "\x00\n", '{"kind": "end"}\n'])
def test_what_is_no_journal_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    assert main(["report", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_last_line_that_was_cut_short_is_passed_over(folder: Folder) -> None:
    folder.run(claims(first=HOLDS, second=HOLDS))
    path = journal(folder)
    lines = path.read_text().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if json.loads(line)["kind"] == "result")
    path.write_text("".join(lines[:last]) + lines[last][: len(lines[last]) // 2])
    assert verdicts(reported(folder)) == {"first": "supported", "second": "error"}


def test_a_model_found_changed_at_the_end_takes_all_its_claims_along(folder: Folder) -> None:
    """Edited through `.data` between the samples that the quick check looks at."""
    edit = (
        "engine = cc.current_session().engine\n    weight = engine._pool._models[model.ref.fingerprint].model.W_E.data\n"
        "    flat = weight.view(-1)\n    flat[1] += 1"
    )
    run = folder.run(claims(first=HOLDS, edits=f"{HOLDS}\n    {edit}", later="assert ioi.accuracy(model) < 2"))
    assert run.exit_code == 1
    assert set(run.verdicts.values()) == {"error"}
    assert all(re.search("the weights of .* are not those that were loaded", each["reason"]) for each in run.claims.values())


def test_a_place_where_nobody_may_write_is_refused_before_anything_runs(folder: Folder) -> None:
    folder.run(claims(first=HOLDS), "--circuit-report=/proc/r.json", report=False).usage_error("/proc/r.json", "Name a path")
