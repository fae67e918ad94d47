"""Each weight of a checkpoint is in its files once, where the index says, as floating-point numbers."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import circuitcheck as cc
from circuitcheck.errors import CorruptCheckpoint

NAME = "model.layers.0.self_attn.q_proj.weight"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
INDEX, FIRST, SECOND = "model.safetensors.index.json", "a.safetensors", "b.safetensors"


@pytest.fixture
def whole(tiny_llama, tmp_path):
    return Path(shutil.copytree(tiny_llama, tmp_path / "copy"))


@pytest.fixture
def sharded(whole):
    """The same weights in two files, with an index."""
    tensors = load_file(whole / "model.safetensors")
    (whole / "model.safetensors").unlink()
    files = {name: (FIRST if number % 2 else SECOND) for number, name in enumerate(sorted(tensors))}
    for file in (FIRST, SECOND):
        write(whole / file, {name: tensors[name] for name in tensors if files[name] == file})
    (whole / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": files}))
    return whole


def write(path, tensors):
    save_file(tensors, path, metadata={"format": "pt"})


def add(path, **tensors):
    write(path, {**load_file(path), **tensors})


def refused(folder, *messages):
    with pytest.raises(CorruptCheckpoint) as error:
        cc.load(str(folder))
    for message in (str(folder), *messages):
        assert message in str(error.value)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_numbers_that_are_no_weights(whole, dtype):
    add(whole / "model.safetensors", **{NAME: load_file(whole / "model.safetensors")[NAME].to(dtype)})
    refused(whole, NAME, "in model.safetensors is of type", "expected floating-point numbers")


def test_buffers_of_whole_numbers_are_no_weights(whole):
    add(whole / "model.safetensors", **{"model.layers.0.attn.bias": torch.ones(1, dtype=torch.uint8)})
    cc.load(str(whole))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_point_numbers_are_weights(whole, dtype):
    add(whole / "model.safetensors", **{NAME: load_file(whole / "model.safetensors")[NAME].to(dtype)})
    cc.load(str(whole))


@pytest.mark.parametrize("name", [NAME.removeprefix("model."), f"model.{NAME}"])
def test_one_weight_under_two_names(whole, name):
    add(whole / "model.safetensors", **{name: load_file(whole / "model.safetensors")[NAME] + 1})
    refused(whole, "one weight under two names", repr(NAME), repr(name))


def test_weights_without_the_prefix_are_the_same_model(whole, tiny_llama):
    tensors = load_file(whole / "model.safetensors")
    write(whole / "model.safetensors", {name.removeprefix("model."): value for name, value in tensors.items()})
    weights = [cc.load(str(folder)).fingerprint["weights"] for folder in (whole, tiny_llama)]
    assert weights[0] == weights[1]


def test_shards_are_the_same_model(sharded, tiny_llama):
    weights = [cc.load(str(folder)).fingerprint["weights"] for folder in (sharded, tiny_llama)]
    assert weights[0] == weights[1]


def test_one_tensor_in_two_shards(sharded):
    tensors = {**load_file(sharded / FIRST), **load_file(sharded / SECOND)}
    for file in (FIRST, SECOND):
        add(sharded / file, **{NAME: tensors[NAME] + len(file)})
    refused(sharded, f"holds the tensor {NAME!r} more than once", FIRST, SECOND)


def test_a_tensor_in_another_shard_than_the_index_says(sharded):
    index = json.loads((sharded / INDEX).read_text())
    index["weight_map"][NAME] = FIRST if index["weight_map"][NAME] == SECOND else SECOND
    (sharded / INDEX).write_text(json.dumps(index))
    refused(sharded, f"the tensor {NAME!r} is in {index['weight_map'][NAME]}, and it is not")


@pytest.mark.parametrize("file", ["../a.safetensors", "/a.safetensors", "x/a.safetensors", "", ".", "a\0b", 7, None, ["a"]])
def test_an_index_that_names_no_file_of_its_folder(sharded, file):
    shutil.copy(sharded / FIRST, sharded.parent)
    index = json.loads((sharded / INDEX).read_text())
    index["weight_map"][NAME] = file
    (sharded / INDEX).write_text(json.dumps(index))
    refused(sharded, INDEX, NAME, "expected the name of a file in the same folder")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "{",
        "{}",
        '{"metadata": {}}',
        '{"metadata": {}, "weight_map": [1]}',
        '{"weight_map": {}}',
        '{"metadata": {}, "weight_map": {}}',
    ],
)
def test_an_index_that_is_none(sharded, content):
    (sharded / INDEX).write_text(content)
    refused(sharded, INDEX)


def test_an_index_that_names_a_file_that_is_not_there(sharded):
    (sharded / SECOND).unlink()
    refused(sharded, INDEX, "names 'b.safetensors', which is not there")


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_file_that_was_not_fetched(whole, file):
    (whole / file).write_text(POINTER)
    refused(whole, f"{file} is a pointer of Git LFS", "git lfs pull")


def test_a_gguf_file_that_was_not_fetched(tmp_path):
    (tmp_path / "m.gguf").write_text(POINTER)
    refused(tmp_path / "m.gguf", "is a pointer of Git LFS")


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "count, letters, message",
    [(1 << 16, 1, "names 65,557 tensors, and 65,536 at most are read"), (1, 1 << 24, "16777216 at most are read")],
    ids=["many", "long"],
)
def test_a_header_that_would_be_read_for_minutes(whole, count, letters, message):
    path = whole / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, end = json.loads(content[8 : 8 + length]), len(content) - 8 - length
    more = {
        f"{number}{'x' * letters}": {"dtype": "F32", "shape": [0], "data_offsets": [end, end]} for number in range(count)
    }
    written = json.dumps({**header, **more}, separators=(",", ":")).encode()
    path.write_bytes(len(written).to_bytes(8, "little") + written + content[8 + length :])
    refused(whole, message)


@pytest.mark.parametrize("header", [b"[]", b"{not json", b'{"a": 1}', b'{"a": {"dtype": "F32"}, "a": {"dtype": "F32"}}'])
def test_a_safetensors_header_that_is_none(whole, header):
    (whole / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    refused(whole, "model.safetensors cannot be read as a safetensors file (")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda data: data[:-1], "its tensors end at byte"),
        (lambda data: data + b"x", "its tensors end at byte"),
        (lambda data: data.replace(b'"data_offsets":[0,', b'"data_offsets":[1,', 1), "of the data, expected from 0"),
        (lambda data: data.replace(b'"data_offsets":[', b'"data_offsets":"', 1), "cannot be read as a safetensors file"),
        (lambda data: data.replace(b'"dtype":"F32"', b'"dtype":  332', 1), "does not say the type and place of"),
    ],
)
def test_tensors_that_do_not_lie_one_after_another(whole, change, message):
    path = whole / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    refused(whole, "model.safetensors", message)


def test_a_weight_of_another_shape_is_named(whole):
    add(whole / "model.safetensors", **{NAME: torch.ones(32, 7)})
    refused(whole, NAME, "(32, 7)", "(32, 32)")
