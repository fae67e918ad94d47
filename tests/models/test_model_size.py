"""A config asks for no more than the files hold, and says what a model can be made of; else an error says so before memory
is asked for."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import circuitcheck as cc
from circuitcheck.engine.torch.loading import checkpoints, model_size
from circuitcheck.errors import CorruptCheckpoint, ModelUnavailable


@pytest.fixture
def copy(tiny_gpt2, tmp_path):
    return Path(shutil.copytree(tiny_gpt2, tmp_path / "copy"))


def refused(folder, *messages, kind=CorruptCheckpoint):
    with pytest.raises(kind) as error:
        cc.load(str(folder))
    for message in (str(folder), *messages):
        assert message in str(error.value)


def say(folder, **words):
    (folder / "config.json").write_text(json.dumps({**json.loads((folder / "config.json").read_text()), **words}))


@pytest.mark.parametrize("family", ["llama", "phi", "mistral"])
def test_a_config_without_sizes_is_not_that_of_a_small_model(copy, family):
    (copy / "config.json").write_text(json.dumps({"model_type": family}))
    refused(copy, "config.json asks for", f"a usual {family} model")


@pytest.mark.parametrize("words", [{"n_inner": 10**8}, {"vocab_size": 10**8}, {"n_positions": 10**8}, {"n_layer": 40}])
def test_a_config_that_asks_for_more_weights_than_there_are_bytes(copy, words):
    say(copy, **words)
    refused(copy, "config.json asks for", "they do not belong together")


def test_more_layers_than_tensors(copy):
    say(copy, n_layer=9_999, n_embd=4)
    refused(copy, "config.json asks for 9999 layers, and its files hold")


@pytest.mark.parametrize(
    "words, message",
    [
        ({"architectures": 5}, "says architectures='5'; expected a list of texts"),
        ({"architectures": [["GPT2LMHeadModel"]]}, "expected a list of texts"),
        ({"quantization_config": "4bit"}, "says quantization_config='4bit'; expected an object"),
        ({"auto_map": 7}, "expected an object"),
        ({"dtype": 7}, "says dtype='7'; expected a text or an object"),
        ({"activation_function": "nope"}, "no model can be made of its config.json: KeyError: 'nope'"),
        ({"layer_norm_epsilon": "x"}, "Validation error for field 'layer_norm_epsilon': TypeError"),
        ({"n_head": 5}, "no model can be made of its config.json"),
        ({"model_type": "t5"}, "no model can be made of its config.json"),
    ],
)
@pytest.mark.sampled(3)
def test_configs_that_no_model_is_made_of(copy, words, message):
    say(copy, **words)
    refused(copy, message)


def as_bin(folder, compression=zipfile.ZIP_STORED):
    """The weights as torch writes them, packed again."""
    torch.save(load_file(folder / "model.safetensors"), folder / "plain.bin")
    (folder / "model.safetensors").unlink()
    with (
        zipfile.ZipFile(folder / "plain.bin") as plain,
        zipfile.ZipFile(folder / "pytorch_model.bin", "w", compression) as new,
    ):
        for name in plain.namelist():
            new.writestr(name, plain.read(name))
    (folder / "plain.bin").unlink()
    return folder


def test_weights_in_a_file_of_torch_are_read(copy, tiny_gpt2):
    weights = [cc.load(str(folder)).fingerprint["weights"] for folder in (as_bin(copy), tiny_gpt2)]
    assert weights[0] == weights[1]


def test_weights_that_are_packed(copy):
    refused(as_bin(copy, zipfile.ZIP_DEFLATED), "pytorch_model.bin has", "expected entries that are not compressed")


def test_a_pickle_beside_tensors_that_is_larger_than_names_need(copy):
    (copy / "model.safetensors").unlink()
    with zipfile.ZipFile(copy / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", bytes((1 << 26) + 1))
    refused(copy, "its data.pkl to 67,108,865")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Cannot allocate memory (os error 12)"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_memory_that_is_not_there(copy, monkeypatch, error):
    def fails(*_arguments):
        raise error

    monkeypatch.setattr(checkpoints, "_read_model", fails)
    refused(copy, "does not fit the memory that is free here", kind=ModelUnavailable)


def test_a_model_larger_than_the_machines_memory_is_refused_before_it_is_read(copy, monkeypatch):
    weights = sum(each.numel() for each in load_file(copy / "model.safetensors").values())
    monkeypatch.setattr(model_size, "memory_of", lambda _device: 3 * weights)
    refused(copy, f"has {weights:,} weights, which take 0 GB as float32", "such as bfloat16", kind=ModelUnavailable)
    assert cc.load(str(copy), dtype="bfloat16").card.ref.dtype == "bfloat16"
