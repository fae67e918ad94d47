"""A GGUF file is the model that runs, or an error says what would have been lost.

Libraries pass over words of the header and over tensors, make up numbers, and read whatever bytes the table of tensors
names.
"""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from tiny_gguf import save_tiny_gguf

import circuitcheck as cc
from circuitcheck.errors import CorruptCheckpoint

ONES = np.ones(32, np.float32)


@pytest.fixture
def file(tiny_llama, tmp_path):
    return lambda **how: save_tiny_gguf(tiny_llama, tmp_path / "m.gguf", **how)


def refused(path, message):
    with pytest.raises(CorruptCheckpoint, match=message) as error:
        cc.load(str(path))
    assert str(path) in str(error.value)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "name, tensor",
    [
        ("output.bias", np.ones(2000, np.float32)),
        ("blk.0.attn_q.bias", ONES),
        ("blk.0.attn_norm.bias", ONES),
        ("blk.1.evil.weight", ONES),
        ("rope_freqs.weight", np.array([1, 2, 3, 4], np.float32)),
    ],
)
def test_tensors_that_become_no_weight(file, name, tensor):
    refused(file(tensors={name: tensor}), f"1 tensors that its header has no place for, such as '{name}'")


def test_more_layers_than_the_header_says(file):
    refused(file(tensors={"blk.2.attn_q.weight": np.ones((32, 32), np.float32)}), "says 2 layers.* holds weights of 3")


@pytest.mark.parametrize(
    "words",
    [
        {"llama.rope.scaling.type": "yarn"},
        {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0},
        {"llama.rope.scaling.factor": 4.0},
        {"llama.attention.key_length": 16},
        {"llama.attention.value_length": 4},
        {"llama.rope.dimension_count": 4},
        {"llama.expert_count": 8},
        {"llama.logit_scale": 3.0},
        {"llama.final_logit_softcapping": 0.1},
        {"llama.attention.causal": False},
        {"gemma2.rope.freq_base": 5.0},
    ],
)
@pytest.mark.sampled(2)
def test_words_of_the_header_that_would_be_lost(file, words):
    refused(file(words=words), f"says ({'|'.join(words)})=|has the shape")


def test_words_and_tensors_that_change_nothing(file, tiny_gguf):
    same = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 1.0, "llama.attention.key_length": 8}
    neutral = {"llama.rope.dimension_count": 8, "llama.expert_count": 0, "llama.attention.causal": True, "llama.new": 1}
    path = file(words=same | neutral, tensors={"rope_freqs.weight": np.ones(4, np.float32)})
    values = [cc.tasks.ioi().logit_diff(cc.load(str(each))).values(2) for each in (path, tiny_gguf)]
    assert (values[0] == values[1]).all()


@pytest.mark.parametrize("word", ["attention.layer_norm_rms_epsilon", "attention.head_count_kv"])
def test_numbers_that_would_be_made_up(file, word):
    refused(file(words={f"llama.{word}": None}), f"does not say llama.{word}, and a number would be made up")


def in_table(path, **changes):
    """Writes over what the table says of one tensor; `content` is what else changes the file's bytes."""
    content = bytearray(path.read_bytes())
    name = b"blk.0.attn_q.weight"
    place = content.index(name) + len(name)
    fields = {"dimensions": (place, "I"), "rows": (place + 4, "Q"), "kind": (place + 20, "I"), "offset": (place + 24, "Q")}
    for field, value in changes.items():
        struct.pack_into(f"<{fields[field][1]}", content, fields[field][0], value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 0},
        {"offset": 7},
        {"offset": 1 << 50},
        {"offset": (1 << 64) - 64},
        {"kind": 1},
        {"kind": 2},
        {"kind": 99},
        {"rows": 16},
        {"rows": 0},
        {"dimensions": 1 << 31},
    ],
)
def test_a_table_of_tensors_that_is_not_that_of_the_data(file, changes):
    refused(in_table(file(), **changes), "is not that of its data|has 2147483648 dimensions")


@pytest.mark.parametrize("change", [lambda data: data[:-100], lambda data: data + bytes(1000)])
def test_a_file_that_ends_elsewhere_than_its_tensors(file, change):
    path = file()
    path.write_bytes(change(path.read_bytes()))
    refused(path, "tensors end at byte .* and the file has")


def test_a_sparse_file_of_many_gigabytes(file):
    path = file()
    with Path(path).open("r+b") as stream:
        stream.truncate(1 << 35)
    refused(path, "and the file has 34359738368")


@pytest.mark.parametrize(
    "words, message",
    [
        ({"evil": ["x"] * 10_001}, "a list of 10001 entries; 10000 at most"),
        ({"evil": [1] * 10_001}, "a list of 10001 entries; 10000 at most"),
        ({"tokenizer.ggml.tokens": ["x" * 65_537] * 2}, "a text of 65537 bytes; 65536 at most"),
        ({"general.alignment": 3}, "general.alignment is 3"),
    ],
)
def test_headers_that_take_minutes_to_read(file, words, message):
    refused(file(words=words), message)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (b"evil.1", b"evil.0", "its header says 'evil.0' twice"),
        (b"smollm", b"s\xff\xfelm", r"a text that is no UTF-8: b's\\xff"),
        (b"general.architecture", b"general.architectur\xff", r"a text that is no UTF-8: b'general"),
    ],
)
def test_headers_that_say_nothing(file, old, new, message):
    path = file(words={"evil.0": 0, "evil.1": 1})
    path.write_bytes(path.read_bytes().replace(old, new))
    refused(path, message)


@pytest.mark.parametrize("word", ["bos", "eos", "unknown", "padding"])
def test_the_number_of_no_token(file, word):
    refused(file(words={f"tokenizer.ggml.{word}_token_id": 10**6}), f"{word}_token_id=1000000; expected the number of one")


def test_a_file_that_transformers_does_not_read(file):
    words = {f"evil.{name}": 2 for name in ("block_count", "embedding_length", "attention.head_count")}
    path = file(words={"general.architecture": "evil", "evil.attention.layer_norm_epsilon": 1e-5, **words})
    refused(path, "transformers does not read the GGUF file")


def test_no_tokens(file):
    refused(file(words={"tokenizer.ggml.tokens": None}), "has no tokenizer: its header has no tokenizer.ggml.tokens")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file(tmp_path, make):
    make(tmp_path / "m.gguf")
    refused(tmp_path / "m.gguf", "is a pipe or a device, not a file")


@pytest.mark.parametrize("count", [0, 1 << 10, 1 << 62])
def test_a_wrong_number_of_words(file, count):
    path = file()
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 16, count)
    path.write_bytes(content)
    refused(path, "cannot be read as a GGUF file|does not say")
