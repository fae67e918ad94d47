"""What a person sees: header, table, times, seeds and progress."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from claims_folder import FIXTURES, PRELUDE, Folder

CLAIMS = """
@claim(id="below", samples=32)
def test_below(model, ioi):
    assert ioi.logit_diff(model) < 100

@claim(id="above", samples=64)
def test_above(model, ioi):
    assert ioi.logit_diff(model) > 100

@claim(id="between", samples=32)
def test_between(model, ioi):
    assert -100 < ioi.logit_diff(model) < 100

@claim(id="open", samples=64)
def test_open(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="missing", model="missing.gguf")
def test_missing(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


def test_header_says_device_dtype_and_seed(folder: Folder) -> None:
    run = folder.run(CLAIMS, "--circuit-device=cpu", "--circuit-dtype=float64", "--circuit-seed=7", "--collect-only")
    run.shows("circuitcheck *: device cpu, float64, seed 7*")


def test_table_gives_each_comparison_its_line_and_verdict(folder: Folder) -> None:
    number, interval = r"-?\d+\.\d{3}", r"\[-?\d+\.\d{3}, -?\d+\.\d{3}\]"
    text = folder.run(CLAIMS).text
    table = text[text.index("circuit hypotheses") :]
    assert re.search(r"^claim +verdict +estimate +interval +claimed +prompts +seconds$", table, re.MULTILINE)
    for line in (
        rf"below\[tiny\] +supported +{number} +{interval} +< 100 +32 +\d+\.\d",
        rf"above\[tiny\] +refuted +{number} +{interval} +> 100 +32 +\d+\.\d",
        rf"between\[tiny\] +supported +\d+\.\d\n"
        rf" +- supported +{number} +{interval} +> -100 +32\n"
        rf" +- supported +{number} +{interval} +< 100 +32",
        rf"open\[tiny\] +inconclusive +{number} +{interval} +== 0 ± 0\.001 +64 +\d+\.\d",
        r"missing\[missing.gguf\] +skipped +\d+\.\d",
    ):
        assert re.search(f"^{line}$", table, re.MULTILINE), line


def test_counts_line_sums_up(folder: Folder) -> None:
    folder.run(CLAIMS).shows("5 claims: 2 supported, 1 refuted, 1 inconclusive, 1 skipped; 2 as expected")


def test_time_is_given_for_each_file_of_claims(folder: Folder) -> None:
    folder.write(CLAIMS.replace('id="', 'id="second.'), "test_second.py")
    folder.write("def test_ordinary(): pass\n", "test_ordinary.py")
    times = re.findall(r"^time: (\S+) \d+\.\d s$", folder.run(CLAIMS).text, re.MULTILINE)
    assert times == ["hypotheses/test_claims.py", "hypotheses/test_second.py"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "body",
    [
        "assert ioi.logit_diff(model) > 100",
        "assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)",
        "assert ioi.logit_diff(model) < 100\n    assert 1 == 2",
        "assert ioi.logit_diff(model.ablate('L0H0', kind='zero').ablate('L0H0', kind='zero')) < 100",
        "pass",
    ],
    ids=["refuted", "inconclusive", "plain-failure", "vacuous", "nothing-asked"],
)
def test_every_failure_says_the_seed(folder: Folder, body: str) -> None:
    source = f"@claim(id='it', samples=32)\ndef test_it(model, ioi):\n    {body}\n"
    text = folder.run(source, "--no-header", "--circuit-summary=off", "--circuit-seed=7").text
    assert "seed 7" in text[text.index("= FAILURES =") :]


def test_failure_of_an_unexpected_support_says_the_seed(folder: Folder) -> None:
    source = """
@claim(id="it", samples=32, expect="refuted")
def test_it(model, ioi):
    assert ioi.logit_diff(model) < 100
"""
    text = folder.run(source, "--no-header", "--circuit-summary=off", "--circuit-seed=7").text
    assert "seed 7" in text[text.index("= FAILURES =") :]


def test_progress_is_silent_where_output_is_no_terminal(folder: Folder) -> None:
    run = folder.run(CLAIMS)
    assert "\x1b" not in run.text
    assert "32 prompts\n" not in run.text[: run.text.index("= FAILURES =")]
    run.shows("hypotheses/test_claims.py .R.Is *[[]100%[]]")


class Screen:
    """A terminal's lines: printing, carriage return, cursor left, and wiping to the end of the line."""

    _PIECES = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]")

    def __init__(self, sent: str) -> None:
        self.lines, line, at = [], "", 0
        for piece in self._PIECES.finditer(sent):
            count, order = piece[1], piece[2]
            if piece[0] == "\n":
                self.lines.append(line.rstrip())
                line, at = "", 0
            elif piece[0] == "\r":
                at = 0
            elif order == "K":
                line = line[:at]
            elif order == "D":
                at = max(at - int(count or 1), 0)
            elif order is None:
                line, at = line[:at].ljust(at) + piece[0] + line[at + 1 :], at + 1


@pytest.fixture(scope="module")
def sent_to_terminal(tmp_path_factory: pytest.TempPathFactory, tiny_gpt2: Path) -> str:
    """Every byte that a run of CLAIMS writes to a terminal of 100 columns."""
    place = tmp_path_factory.mktemp("terminal")
    (place / "tiny").symlink_to(tiny_gpt2, target_is_directory=True)
    (place / "hypotheses").mkdir()
    (place / "hypotheses" / "conftest.py").write_text(FIXTURES)
    (place / "hypotheses" / "test_claims.py").write_text(PRELUDE + CLAIMS)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--color=no", "hypotheses"],
        cwd=place,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says EIO where the last writer has closed
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    assert process.wait() == pytest.ExitCode.TESTS_FAILED
    return sent.decode()


@pytest.mark.slow
def test_progress_on_a_terminal_says_claim_and_prompts_so_far(sent_to_terminal: str) -> None:
    for shown in ("below: loading", "the doctor looks at tiny", "below: 32 prompts", "open: 32 prompts", "open: 48 prompts"):
        assert shown in sent_to_terminal


@pytest.mark.slow
def test_progress_leaves_no_residue_on_the_line(sent_to_terminal: str) -> None:
    lines = Screen(sent_to_terminal).lines
    assert "hypotheses/test_claims.py .R.Is".ljust(100 - 7) + "[100%]" in lines
    started = next(i for i, line in enumerate(lines) if line.startswith("collected"))
    ended = next(i for i, line in enumerate(lines) if "= FAILURES =" in line)
    assert not any("prompts" in line or "loading" in line for line in lines[started:ended])


def test_progress_writes_nothing_after_the_last_claim(sent_to_terminal: str) -> None:
    after = sent_to_terminal[sent_to_terminal.index("= FAILURES =") :]
    assert "\x1b" not in after
