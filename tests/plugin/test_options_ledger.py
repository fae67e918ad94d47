"""--circuit-ledger PATH|off: what was tried and looked at before, by any process, is said of a result and of a run."""

import os
from pathlib import Path
from typing import Any

import pytest
from claims_folder import Folder, Run

# By seed, a number that every prompt has, give or take one that its text fixes: above 0 only under seed 2.
METRIC = """
import os
import zlib

def number(logits, prompts):
    mean = dict(zip("012", (0.0, -1.0, 0.9)))[os.environ["SEED"]]
    return [mean + zlib.crc32(prompt.text.encode()) / 2**31 - 1 for prompt in prompts]

NUMBER = cc.metric(number, name="number")
"""
CLAIM = (
    METRIC
    + """
@claim(id="it"{arguments})
def test_it(model, ioi):
    assert ioi.metric(NUMBER, model) > {threshold}
"""
)
POSITIVE = CLAIM.format(arguments=", samples=32", threshold=0)


@pytest.fixture
def under(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`under(2, "--circuit-..."): one run under that seed."""

    def run(seed: int, *arguments: str, source: str | None = None, **how: Any) -> Run:
        monkeypatch.setenv("SEED", str(seed))
        return folder.run(source, f"--circuit-seed={seed}", *arguments, **how)

    return run


def compared(run: Run, name: str = "it") -> dict[str, Any]:
    (comparison,) = run.claims[name]["comparisons"]
    return comparison


def summary(run: Run) -> list[str]:
    return run.text[run.text.index("circuit hypotheses") :].splitlines()


# Other seeds and budgets


@pytest.mark.slow
def test_other_seeds_are_named_in_the_terminal_and_in_the_report(under: Any) -> None:
    under(0, source=POSITIVE)
    under(1, subprocess=True)
    run = under(2, subprocess=True)
    assert run.verdicts == {"it": "supported"}
    tries = compared(run)["tries"]
    assert (tries["count"], [each["seed"] for each in tries["earlier"]]) == (3, [0, 1])
    assert tries["level"] == pytest.approx(0.00338, abs=1e-5)
    (line,) = [each for each in summary(run) if "asked before" in each]
    assert line.startswith("it: ")
    assert "seed 0, budget 32: inconclusive; seed 1, budget 32: refuted" in line
    assert "this is try 3" in line


@pytest.mark.slow
def test_growing_budgets_are_named(under: Any) -> None:
    """The mean of all prompts is 0: a threshold that takes many of them."""
    under(0, "--circuit-samples=32", source=CLAIM.format(arguments="", threshold=-0.08))
    under(0, "--circuit-samples=64")
    run = under(0, "--circuit-samples=512")
    assert run.verdicts == {"it": "supported"}
    assert [(each["seed"], each["budget"]) for each in compared(run)["tries"]["earlier"]] == [(0, 32), (0, 64)]
    assert any("budget 64: inconclusive" in each for each in summary(run))


def test_the_same_run_again_is_no_other_try(under: Any) -> None:
    first, again = under(2, source=POSITIVE), under(2)
    one, other = ({**compared(run), "rests_on": None} for run in (first, again))  # a function's digest is of one process
    assert one == other
    assert compared(again)["tries"] is None


@pytest.mark.sampled(1)
@pytest.mark.parametrize("where", ["off", "other.jsonl"])
def test_another_file_or_none_knows_nothing(under: Any, folder: Folder, where: str) -> None:
    under(0, source=POSITIVE)
    assert compared(under(2, f"--circuit-ledger={where}"))["tries"] is None
    assert (folder.pytester.path / where).exists() == (where != "off")


def test_ini_sets_the_file(under: Any, folder: Folder) -> None:
    folder.pytester.makeini("[pytest]\ncircuit_ledger = kept/it.jsonl\n")
    under(0, source=POSITIVE)
    assert "number" in (folder.pytester.path / "kept" / "it.jsonl").read_text()


def folder_in_the_way(path: Path) -> None:
    path.mkdir(parents=True)


def fifo_in_the_way(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("make", [folder_in_the_way, fifo_in_the_way])
def test_a_place_that_cannot_be_written_to_costs_only_what_could_have_been_said(
    under: Any, folder: Folder, make: Any
) -> None:
    make(folder.pytester.path / ".circuitcheck" / "ledger.jsonl")
    assert under(2, source=POSITIVE).verdicts == {"it": "supported"}


# Looks


CHOSEN = (
    METRIC
    + """
import pytest

@pytest.fixture
def seen(circuit_model, ioi):
    return ioi{stream}.metric(NUMBER, circuit_model).estimate(32)

@claim(id="it", samples=32)
def test_it(model, ioi, seen):
    assert ioi.metric(NUMBER, model) > min(0, seen.value)
"""
)


def test_what_was_looked_at_on_the_test_stream_and_then_claimed_there_is_named(under: Any) -> None:
    run = under(2, source=CHOSEN.format(stream=".on_stream('test')"))
    assert compared(run)["looked_at"]["views"] == 1
    assert any("1 view was looked at before on the test stream of ioi" in each for each in summary(run))


def test_a_look_that_says_no_stream_costs_nothing(under: Any) -> None:
    assert compared(under(2, source=CHOSEN.format(stream="")))["looked_at"] is None


# Questions of one run


LOOP = """
@claim(id="copied", samples=32)
def test_copied(model, ioi):
    assert ioi.logit_diff(model.ablate("L0H0", kind="zero")) < 100

@claim(id="original", samples=32)
def test_original(model, ioi):
    assert ioi.logit_diff(model.ablate("L0H0", kind="zero")) < 100

@claim(id="loop", samples=32)
def test_loop(model, ioi):
    for layer in range(3):
        for head in range(4):
            assert ioi.logit_diff(model.ablate(f"L{layer}H{head}", kind="zero")) < 100
"""


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n2", "--dist=loadfile"), marks=pytest.mark.slow)], ids=["alone", "two workers"]
)
def test_copies_count_once_and_searches_are_counted(folder: Folder, workers: tuple[str, ...]) -> None:
    run = folder.run(LOOP, *workers, subprocess=bool(workers))
    assert run.verdicts == dict.fromkeys(("copied", "original", "loop"), "supported")
    assert [run.claims[name]["same_as"] for name in ("copied", "original", "loop")] == [None, "copied[tiny]", None]
    assert (run.report["summary"]["claims"], run.report["summary"]["different"]) == (3, 2)
    (shape,) = run.report["shapes"]
    assert shape == {
        "shape": "ioi.logit_diff(zero ablation of … everywhere) < …",
        "questions": 12,
        "decided": 12,
        "expected_wrong": pytest.approx(0.3),
    }
    lines = summary(run)
    assert "original: asks the same as copied[tiny]: together they count once" in lines
    assert any(each.startswith("3 claims (2 different): 3 supported") for each in lines)
    (search,) = [each for each in lines if each.startswith("12 questions differ only in their heads")]
    assert "up to 0.3 of such verdicts are wrong by chance; --circuit-correction holm" in search


@pytest.mark.slow
def test_a_copy_is_corrected_for_once(folder: Folder) -> None:
    run = folder.run(LOOP, "--circuit-correction=holm")
    assert [each["id"] for each in run.report["correction"]["claims"]] == ["copied", "loop"]
    (search,) = [each for each in summary(run) if each.startswith("12 questions")]
    assert "--circuit-correction" not in search
