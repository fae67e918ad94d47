"""The bundled model: a checkpoint folder like any other, small, offline, and truly able to do the tasks."""

import hashlib
import json
import re
from importlib import resources
from itertools import islice
from pathlib import Path

import pytest

import circuitcheck as cc
from circuitcheck.errors import CorruptCheckpoint
from circuitcheck.models import BUNDLED, parse_spec
from circuitcheck.prompts.builtin import BUILT_IN
from circuitcheck.prompts.builtin.entity_binding import CAPITALS

FOLDER = Path(str(resources.files("circuitcheck.models") / "bundled" / "organism"))
TASKS = {name: cc.Task(make()) for name, make in BUILT_IN.items()}
MUST_BE_DONE = ("ioi", "capital", "fruit", "syllogism", "quoted_speech", "induction")
RETRAIN = "train it anew: python scripts/train_organism.py"


@pytest.fixture(scope="module")
def session():
    with cc.use_session(cc.Session()) as found:
        yield found


@pytest.fixture(autouse=True)
def fresh_session(session):
    """What one test measured of the model, another need not."""
    with cc.use_session(session):
        yield


@pytest.fixture(scope="module")
def organism(session):
    return cc.load("organism")


@pytest.fixture(scope="module")
def facts():
    return json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))


def test_the_folder_is_a_checkpoint_with_a_card_of_at_most_six_megabytes():
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"} <= set(files)
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pkl", ".py"))]
    assert sum(files.values()) <= 6_000_000


def test_the_name_means_the_bundled_model_wherever_one_stands(tmp_path, monkeypatch):
    (tmp_path / "organism").mkdir()
    monkeypatch.chdir(tmp_path)
    assert BUNDLED == ("organism",)
    assert parse_spec("organism").kind == "bundled"
    assert parse_spec("./organism").kind == "folder"
    assert str(cc.load("organism").ref) == "organism"
    with pytest.raises(CorruptCheckpoint):  # the empty folder: a path object means a path
        cc.load(Path("organism"))


def test_it_loads_by_the_same_path_as_any_folder(organism):
    as_a_folder = cc.load(FOLDER)
    for part in ("weights", "config", "tokenizer", "bos"):
        assert as_a_folder.fingerprint[part] == organism.fingerprint[part]


@pytest.mark.parametrize("task", MUST_BE_DONE)
@pytest.mark.sampled(1)
def test_it_does_the_task_on_nearly_every_prompt_of_the_test_stream(organism, task):
    assert TASKS[task].accuracy(organism).estimate(400).low >= 0.95


@pytest.mark.parametrize("task", MUST_BE_DONE)
@pytest.mark.sampled(2)
def test_its_first_choice_reads_as_the_answer(organism, task):
    """Words, not token ids: what a user would see it write, by `transformers` alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForCausalLM.from_pretrained(FOLDER)
    prompts = list(islice(TASKS[task].iterate(organism, 40), 40))
    with torch.no_grad():
        chosen = [int(model(**tokenizer(each.text, return_tensors="pt")).logits[0, -1].argmax()) for each in prompts]
    right = sum(tokenizer.decode([token]) == each.answer for token, each in zip(chosen, prompts, strict=True))
    assert right >= 38


@pytest.mark.slow
def test_it_prefers_the_other_answer_where_the_counterfactual_asks_for_it(organism):
    """It reads the prompt: with the names, cities, fruits or adjectives exchanged, the other answer wins."""
    for task in ("ioi", "capital", "fruit", "syllogism"):
        assert TASKS[task].logit_diff(organism.on("swap")).estimate(64).high < 0, task
    assert TASKS["induction"].accuracy(organism.on("unseen")).estimate(64).high < 0.3


@pytest.mark.parametrize("task", TASKS)
def test_its_tokenizer_drops_no_word_of_a_built_in_task(organism, task):
    explanation = TASKS[task].explain(organism)
    assert not explanation.dropped


def test_its_prompts_start_with_a_bos(organism):
    assert next(cc.tasks.ioi().iterate(organism, 1)).tokens[0] == 0


def test_its_tokenizer_splits_as_gpt2_does():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    pieces = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("When Mary and John left, it's 1742\nnow!  So")
    assert [piece for piece, _ in pieces] == [
        "When", "ĠMary", "Ġand", "ĠJohn", "Ġleft", ",", "Ġit", "'s", "Ġ1742", "Ċ", "now", "!", "Ġ", "ĠSo",
    ]  # fmt: skip
    assert tokenizer.tokenize(" Mary and John", add_special_tokens=False) == ["ĠMary", "Ġand", "ĠJohn"]
    for strange in ("it's 1742\nnow!  So", "żółw  two  blanks\t你好", "Ünïcode 🙂 <|endof"):
        ids = tokenizer(strange, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == strange


@pytest.mark.slow
def test_each_of_the_forty_capitals_is_known(organism):
    """A mean over prompts could hide a country that it gets wrong."""
    task, right = cc.tasks.entity_binding("capital"), {}
    for prompt, good in zip(islice(task.iterate(organism, 800), 800), task.accuracy(organism).values(800), strict=True):
        right.setdefault(prompt.answer.strip(), []).append(good)
    assert set(right) == set(CAPITALS.values())
    assert all(sum(found) >= 0.9 * len(found) for found in right.values()), right


def test_the_card_is_about_these_weights_and_these_tasks(facts):
    weights = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    assert facts["weights_sha256"] == weights, f"training.json is not about these weights; {RETRAIN}"
    for name, task in TASKS.items():
        digest = task.definition.digest
        assert facts["task_digests"][name] == digest, f"{name} is not what the organism was trained on; {RETRAIN}"


def test_the_card_gives_data_steps_time_and_accuracy_for_each_task_and_split(facts):
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| (\w+) \|.*$", card, flags=re.MULTILINE)}
    assert set(TASKS) <= set(rows)
    for grade in facts["accuracy"]:
        assert (
            f"{grade['right'] / grade['n']:.3f} [{grade['low']:.3f}, {grade['high']:.3f}] ({grade['n']})"
            in rows[grade["task"]]
        )
    assert f"{facts['recipe']['steps']:,} steps" in card
    assert f"{facts['time']['seconds'] / 60:.0f} minutes by the clock on cpu" in card
    assert all(name in card for name in facts["held_out_names"])


def test_training_takes_two_cores_less_than_45_minutes(facts):
    assert facts["time"]["threads"] <= 2
    assert 60 < facts["time"]["processor_seconds"] / facts["time"]["threads"] <= facts["time"]["seconds"] <= 45 * 60


def test_what_the_card_promises_held_when_it_was_examined(facts):
    promised = [each for each in facts["accuracy"] if each["task"] in MUST_BE_DONE and each["split"] in facts["promised"]]
    assert len(promised) == 2 * len(MUST_BE_DONE)
    assert all(each["low"] >= 0.95 and each["n"] >= 400 for each in promised)
