"""Updates that really happen to a model and to a dictionary: what names the part that changed alarms, and nothing else.

SmolLM2 is run as its file has it, in bfloat16, with its weights rounded to 4 bits another way, and with one head that writes
half as much. One run makes the baseline; the others are compared with it, and how far the model as a whole changed is worked
out by transformers alone.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from changed_models import changed, from_its_file, requantised, with_a_weaker_head
from claims_folder import FIXTURES, PRELUDE
from transformers import AutoModelForCausalLM

import circuitcheck as cc
from circuitcheck.cli import main

pytestmark = pytest.mark.slow

MODEL, PROMPTS = "smollm2-135m-q4", 192
OF_A_HEAD = """
claim = partial(cc.claim, "a sentence", model="smollm2-135m-q4")

@claim(id="head.removed")
def test_removed(model, ioi):
    assert ioi.recovered(model.ablate("L23H3", kind="mean", at="END")) < 0.75

@claim(id="head.writes")
def test_writes(model, ioi):
    assert ioi.attribution(model, "L23H3") > 1.25

@claim(id="head.attends", margin=0.05)
def test_attends(model, ioi):
    assert ioi.metric(cc.attention("L23H3", query="END", key="IO"), model) > 0.02

@claim(id="others.removed")
def test_others_removed(model, ioi):
    assert ioi.recovered(model.ablate("L23H6, L29H4", kind="mean", at="END")) == cc.approx(1.0, abs=0.1)

@claim(id="others.write")
def test_others_write(model, ioi):
    assert ioi.attribution(model, "L23H6, L29H4") == cc.approx(0, abs=0.5)

@claim(id="task")
def test_task(model, ioi):
    assert ioi.logit_diff(model) > 1
"""
OF_A_DICTIONARY = """
claim = partial(cc.claim, "a sentence", model="organism", saes={"query": "organism/quotes-q"})
SAYS = cc.attention("L1H2", query="END", key="SAYS")

@claim(id="features")
def test_features(model, quoted_speech, saes):
    without = model.remove(saes["query"][120, 288, 257], at="END")
    assert quoted_speech.metric(SAYS, model) - quoted_speech.metric(SAYS, without) > 0.2

@claim(id="fires")
def test_fires(model, quoted_speech, saes):
    assert quoted_speech.metric(cc.fires(saes["query"][120], at="END"), model) > 0.7

@claim(id="reconstruction", margin=0.1)
def test_reconstruction(model, quoted_speech, saes):
    through = model.through(saes["query"], at="END")
    assert quoted_speech.metric(SAYS, model) - quoted_speech.metric(SAYS, through) == cc.approx(0, abs=0.1)

@cc.claim("a sentence", id="model", model="organism")
def test_model(model, quoted_speech):
    assert quoted_speech.metric(SAYS, model) > 0.2
"""


class Suite:
    """Claims in a folder, each run of them in a process of its own."""

    def __init__(self, folder: Path, claims: str) -> None:
        self.folder = folder
        (folder / "hypotheses").mkdir()
        (folder / "hypotheses" / "conftest.py").write_text(FIXTURES)
        (folder / "hypotheses" / "test_claims.py").write_text("import pytest\n" + PRELUDE + claims)

    def run(self, *options: str) -> int:
        """Returns the exit code; of an earlier baseline, what alarms fails the run."""
        command = [sys.executable, "-m", "pytest", "hypotheses", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
        given = ["--circuit-baseline=base.json", "--circuit-report=report.json", "--circuit-compare-fail=moved", *options]
        found = subprocess.run([*command, *given], cwd=self.folder, capture_output=True, text=True, check=False)
        assert "INTERNALERROR" not in found.stdout, found.stdout
        print(found.stdout[found.stdout.rindex("= circuit hypotheses =") :])
        return found.returncode

    @property
    def drifts(self) -> dict[str, dict[str, Any]]:
        """By claim."""
        report = json.loads((self.folder / "report.json").read_text())
        return {each["id"]: each["drift"] for each in report["claims"]}

    @property
    def words(self) -> dict[str, str]:
        return {name: each["word"] for name, each in self.drifts.items()}

    @property
    def alarms(self) -> set[str]:
        return {name for name, word in self.words.items() if word in ("moved", "broke")}

    def compared(self, *options: str) -> tuple[int, dict[str, str]]:
        """The exit code, and the words, that two stored reports give without a model."""
        files = [str(self.folder / name) for name in ("base.json", "report.json", "drift.json")]
        code = main(["compare", *files[:2], "--fail=moved", "--json", files[2], *options])
        claims = json.loads(Path(files[2]).read_text())["claims"]
        return code, {each["claim"].partition("[")[0]: each["word"] for each in claims}


@pytest.fixture(scope="module")
def smollm2_suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """With its baseline, and a checkpoint of the same weights."""
    suite = Suite(tmp_path_factory.mktemp("updates"), OF_A_HEAD)
    from_its_file(suite.folder / "original")
    assert suite.run("--circuit-baseline-update=new", f"--circuit-baseline-prompts={PROMPTS}") == 0
    return suite


def replaced_by(suite: Suite, name: str) -> int:
    return suite.run(f"--circuit-model={MODEL}=./{name}", f"--circuit-baseline-prompts={PROMPTS}")


def logit_diffs(folder: Path) -> np.ndarray:
    """Of IOI's prompts, [prompt], by transformers."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    prompts = cc.tasks.ioi().prompts(PROMPTS, model=MODEL, stream="test")
    with torch.no_grad():
        last = [model(torch.tensor([each.tokens])).logits[0, -1] for each in prompts]
    return np.array(
        [float(logits[each.answer_id] - logits[each.distractor_id]) for logits, each in zip(last, prompts, strict=True)]
    )


def test_in_bfloat16_every_claim_holds(smollm2_suite: Suite) -> None:
    """It takes 12 minutes on a CPU without instructions for it. Attention may differ by 1 on a prompt that nobody has seen,
    so that 192 prompts show its change to be less than .036, whatever they show; hence the margin of its claim."""
    assert smollm2_suite.run("--circuit-dtype=bfloat16", f"--circuit-baseline-prompts={PROMPTS}") == 0
    assert set(smollm2_suite.words.values()) == {"holds"}


def test_a_head_that_writes_half_as_much_alarms_in_the_claims_about_what_it_writes(smollm2_suite: Suite) -> None:
    """Where it attends to is as it was."""
    changed(smollm2_suite.folder / "original", smollm2_suite.folder / "weaker", with_a_weaker_head(23, 3, 0.5))
    assert replaced_by(smollm2_suite, "weaker") == 1
    assert smollm2_suite.compared(f"--model={MODEL}=./weaker") == (1, smollm2_suite.words)
    assert smollm2_suite.alarms == {"head.removed", "head.writes"}
    assert {smollm2_suite.words[name] for name in ("head.attends", "others.removed", "others.write", "task")} == {"holds"}
    writes = smollm2_suite.drifts["head.writes"]["questions"][0]
    assert writes["now"] == pytest.approx(writes["before"] / 2, rel=0.03)  # the last norm has a little less to divide


def test_other_4_bit_weights_alarm_where_they_change_a_number_by_more_than_its_margin(smollm2_suite: Suite) -> None:
    folder = smollm2_suite.folder
    changed(folder / "original", folder / "requantised", requantised)
    assert replaced_by(smollm2_suite, "requantised") == 1
    assert "head.writes" in smollm2_suite.alarms
    task = smollm2_suite.drifts["task"]["questions"][0]
    before, now = (logit_diffs(folder / name) for name in ("original", "requantised"))
    assert (task["before"], task["now"]) == pytest.approx((before.mean(), now.mean()), abs=1e-3)


def test_a_dictionary_that_is_trained_again_alarms_in_the_claims_that_name_its_features(tmp_path: Path) -> None:
    """With another seed, by the script that made the one that comes with the organism. Features have other numbers: these
    three never fire where the claims look. To remove them would change nothing, which is an error of its own."""
    suite = Suite(tmp_path, OF_A_DICTIONARY)
    assert suite.run("--circuit-baseline-update=new") == 0
    train = Path(__file__).parents[2] / "scripts" / "train_organism_saes.py"
    subprocess.run([sys.executable, train, "--only=quotes-q", "--seed=1", "--out", tmp_path / "new"], check=True)
    assert suite.run("--circuit-sae=query=./new/quotes-q") == 1
    assert suite.words == {"fires": "broke", "features": "cannot tell", "reconstruction": "holds", "model": "same"}
    assert suite.drifts["features"]["reason"] == "now it is error"
    assert suite.compared() == (1, suite.words)
