"""A tokenizer needs no weights: prompts are listed, counted and written for a spec without loading its model. How could that
fool us? By other prompts than the loaded model's; by those of a tokenizer that is no longer there; by loading the model.
"""

import shutil
from pathlib import Path

import pytest
from tiny import ioi_words, save_tokenizer

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine
from circuitcheck.engine.torch.loaded import pool
from circuitcheck.engine.torch.loading import checkpoints, converted
from circuitcheck.errors import BadSpec, CorruptCheckpoint, ModelChanged, ModelUnavailable

FOLDERS = ("tiny_gpt2", "tiny_llama", "tiny_gguf", "organism")


@pytest.fixture
def spec(request):
    return "organism" if request.param == "organism" else str(request.getfixturevalue(request.param))


@pytest.fixture
def no_weights(monkeypatch):
    """From here on, reading a model is an error."""

    def refuse(*_arguments):
        raise AssertionError("a model was loaded")

    def begin():
        monkeypatch.setattr(checkpoints, "_read_model", refuse)
        monkeypatch.setattr(pool, "load", refuse)

    return begin


def everything(model, path):
    """All that is asked of prompts alone."""
    task = cc.tasks.ioi()
    seen = (task.prompts(5, model=model), task.size(model), task.size(model, stream="discovery"), str(task.explain(model)))
    written = task.to_records(path, 3, model=model)
    shared = task.for_models(model, model).definition
    return *seen, tuple(task.iterate(model, 3)), written, path.read_text(), shared


@pytest.mark.parametrize("spec", FOLDERS, indirect=True)
@pytest.mark.sampled(1)
def test_prompts_of_a_spec_are_those_of_its_model(spec, tmp_path, no_weights):
    of_model = everything(cc.load(spec), tmp_path / "of_model.jsonl")
    no_weights()
    with cc.use_session(cc.Session()):
        assert everything(spec, tmp_path / "of_spec.jsonl") == of_model
        if spec != "organism":
            assert everything(Path(spec), tmp_path / "of_path.jsonl") == of_model


@pytest.mark.slow
@pytest.mark.parametrize("spec", FOLDERS, indirect=True)
@pytest.mark.parametrize("bos", ["tokenizer", "always", "never"])
def test_another_process_has_the_tokenizer_of_a_reference(spec, bos, no_weights):
    model = cc.load(spec, bos=bos)
    no_weights()
    elsewhere = LocalEngine("cpu")
    for found in (elsewhere.tokenizer(model.ref), elsewhere.tokenizer_of(spec, bos=bos)):
        assert found.fingerprint == model.ref.tokenizer == model.fingerprint["tokenizer"]
        assert found.encode(" Mary") == model.tokenizer.encode(" Mary")
    assert elsewhere.tokenizer(model.ref) is elsewhere.tokenizer_of(f"{spec}+folded", bos=bos)


def test_a_checkpoint_without_weights(tiny_gpt2, tmp_path):
    folder = shutil.copytree(tiny_gpt2, tmp_path / "no_weights", ignore=shutil.ignore_patterns("*.safetensors"))
    assert cc.tasks.ioi().prompts(4, model=str(folder)) == cc.tasks.ioi().prompts(4, model=str(tiny_gpt2))
    with pytest.raises(CorruptCheckpoint, match="has no weights"):
        cc.load(str(folder))


@pytest.fixture
def copy(tiny_gpt2, tmp_path):
    return shutil.copytree(tiny_gpt2, tmp_path / "copy")


def other_tokenizer(folder):
    """Of which some words are several tokens."""
    save_tokenizer(folder, ioi_words()[20:])


def test_a_tokenizer_that_is_no_longer_the_model_s(copy):
    model = cc.load(str(copy))
    other_tokenizer(copy)
    with pytest.raises(ModelChanged, match="now has the tokenizer .* prompts would be others. Load it again"):
        LocalEngine("cpu").tokenizer(model.ref)
    assert cc.current_session().engine.tokenizer(model.ref) is model.tokenizer


def test_a_folder_that_was_saved_again(copy):
    before = cc.tasks.ioi().size(str(copy))
    other_tokenizer(copy)
    assert cc.tasks.ioi().size(str(copy)) < before


@pytest.fixture
def from_gguf(monkeypatch):
    """Of each tokenizer that is read from here on: is it parsed from a GGUF file?"""
    seen, honest = [], checkpoints._read_tokenizer

    def spy(spec, location, arguments):
        seen.append("gguf_file" in arguments)
        return honest(spec, location, arguments)

    monkeypatch.setattr(checkpoints, "_read_tokenizer", spy)
    return seen


def test_a_gguf_file_s_comes_from_the_cache(tiny_gguf, tmp_path, no_weights, from_gguf):
    def alone():
        return LocalEngine("cpu", cache=tmp_path / "cache").tokenizer_of(str(tiny_gguf), bos="tokenizer").fingerprint

    fingerprint = alone()
    assert not (tmp_path / "cache").exists()
    LocalEngine("cpu", cache=tmp_path / "cache").load(str(tiny_gguf), dtype="bfloat16", device="cpu", bos="tokenizer")
    no_weights()
    assert alone() == fingerprint
    (path,) = (tmp_path / "cache").rglob("tokenizer_config.json")
    path.write_text(path.read_text().replace("endoftext", "startoftxt"))
    assert alone() == fingerprint
    assert from_gguf == [True, True, False, True]


def test_a_tokenizer_that_saving_changed(tiny_gguf, tmp_path, from_gguf, monkeypatch):
    honest = converted._digests
    with monkeypatch.context() as patch:
        patch.setattr(converted, "_digests", lambda *found: honest(*found) | {"special": "something was lost"})
        LocalEngine("cpu", cache=tmp_path).load(str(tiny_gguf), dtype="float32", device="cpu", bos="tokenizer")
    LocalEngine("cpu", cache=tmp_path).tokenizer_of(str(tiny_gguf), bos="tokenizer")
    assert from_gguf == [True, False, True]  # by the load, from what it kept, and then from the file


@pytest.mark.parametrize(
    "model, error, words",
    [
        ("no/such model", BadSpec, "is no model spec"),
        ("gone.gguf", ModelUnavailable, "there is no file gone.gguf"),
        ("instance:f00", ModelUnavailable, "only specs travel"),
        (3, TypeError, "3 is no model; expected cc.load(...), a view of one, or a spec"),
    ],
)
def test_what_has_no_tokenizer(model, error, words):
    with pytest.raises(error) as found:
        cc.tasks.ioi().prompts(1, model=model)
    assert words in str(found.value)
