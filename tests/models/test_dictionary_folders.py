"""A folder with a dictionary of features: whatever its files hold, a dictionary or a sentence."""

import json
import os
import shutil
from pathlib import Path

import pytest

import circuitcheck as cc
from circuitcheck.errors import BadDictionary, CorruptCheckpoint
from circuitcheck.models import dictionary_folder


@pytest.fixture
def copy(tmp_path):
    return lambda name: Path(shutil.copytree(dictionary_folder(f"organism/{name}"), tmp_path / "copy"))


def refused(folder, message, kind=BadDictionary):
    with pytest.raises(kind, match=message) as error:
        cc.sae(str(folder))
    assert str(folder) in str(error.value)


def say(folder, metadata=None, **words):
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({**config, **words, "metadata": {**config["metadata"], **(metadata or {})}}))
    return folder


@pytest.mark.parametrize(
    "metadata, message",
    [
        ({"hook_name": ["x"]}, r"hook_name=\['x'\]; expected text"),
        ({"hook_head_index": "2"}, "hook_head_index='2'; expected a whole number"),
        ({"hook_head_index": True}, "hook_head_index=True; expected a whole number"),
        ({"model_name": {"a": 1}}, "model_name={'a': 1}; expected text"),
        ({"prepend_bos": "no"}, "prepend_bos='no'; expected true or false"),
        ({"prepend_bos": 0}, "prepend_bos=0; expected true or false"),
    ],
)
def test_words_of_another_type(copy, metadata, message):
    refused(say(copy("quotes-q"), metadata), message)


@pytest.mark.parametrize("k", [0, -3, 513, 10**12, "12", True])
def test_more_features_that_fire_than_there_are(copy, k):
    refused(say(copy("z"), k=k), "expected 1 to 512, the number of its features")


@pytest.mark.parametrize("name", ["cfg.json", "sae_weights.safetensors"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/proc/self/mem")])
def test_a_file_that_is_none(copy, name, make):
    folder = copy("z")
    (folder / name).unlink()
    make(folder / name)
    refused(folder, f"it has no {name}")


@pytest.mark.parametrize("spec", ["x" * 5_000, "x\0", "~no-such-user/x"])
def test_a_folder_that_cannot_be(spec):
    with pytest.raises(BadDictionary, match="no such folder is here"):
        cc.sae(spec)


@pytest.mark.parametrize(
    "words", [{"d_in": 10**12, "d_sae": 10**12}, {"architecture": ["x"]}, {"normalize_activations": "x"}]
)
def test_a_config_that_no_dictionary_has(copy, words):
    refused(say(copy("z"), **words), "sae_lens cannot read the dictionary", CorruptCheckpoint)
