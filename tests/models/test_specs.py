"""Model specs, read without loading anything."""

import pytest

from circuitcheck.errors import BadSpec
from circuitcheck.models import parse_spec


@pytest.mark.parametrize(
    "text, kind, source, revision",
    [
        ("gpt2", "hub", "gpt2", None),
        ("EleutherAI/pythia-160m", "hub", "EleutherAI/pythia-160m", None),
        ("EleutherAI/pythia-160m@step512", "hub", "EleutherAI/pythia-160m", "step512"),
        ("roneneldan/TinyStories-2Layers-33M", "hub", "roneneldan/TinyStories-2Layers-33M", None),
        ("smollm2-135m-q4", "packaged-gguf", "smollm2-135m-q4", None),
        ("organism", "bundled", "organism", None),
        ("models/model.Q4_K_M.gguf", "gguf", "models/model.Q4_K_M.gguf", None),
        ("/data/model.gguf", "gguf", "/data/model.gguf", None),
    ],
)
def test_each_form_is_told_apart(text, kind, source, revision):
    spec = parse_spec(text)
    assert (spec.kind, spec.source, spec.revision) == (kind, source, revision)
    assert str(spec) == text


def test_a_folder_that_exists_is_a_checkpoint_folder(tmp_path):
    assert parse_spec(str(tmp_path)).kind == "folder"


def test_dtype_and_bos_are_part_of_the_spec():
    spec = parse_spec("gpt2", dtype="bfloat16", bos="always")
    assert (spec.dtype, spec.bos) == ("bfloat16", "always")
    assert spec != parse_spec("gpt2")


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "/no/such/folder", "owner/name@", "@main", "a/b/c", "~/no-such", "ü ber", "https://x.y/z"]
)
def test_what_can_be_no_spec_is_refused_with_the_forms_there_are(text):
    with pytest.raises(BadSpec, match=r"(?s)owner/name@revision.*\.gguf.*smollm2-135m-q4.*organism"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["./no-such-folder", "../no-such-folder"])
def test_a_relative_path_that_is_missing_is_no_hub_id(text):
    with pytest.raises(BadSpec, match="no folder"):
        parse_spec(text)


@pytest.mark.parametrize("bos", ["yes", None, True])
def test_an_unknown_bos_policy_is_refused(bos):
    with pytest.raises(BadSpec, match="tokenizer.*always.*never"):
        parse_spec("gpt2", bos=bos)
