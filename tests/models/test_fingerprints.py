"""What makes two models the same model."""

import shutil

import pytest
from safetensors.torch import load_file, save_file
from tiny import save_tiny_gpt2

import circuitcheck as cc


def test_the_parts_that_make_a_model_are_named(tiny_gpt2):
    fingerprint = cc.load(str(tiny_gpt2)).fingerprint
    assert {"weights", "spec", "revision", "dtype", "processing", "bos", "tokenizer"} <= set(fingerprint)
    assert {"torch", "transformers", "transformer-lens"} <= set(fingerprint)
    assert fingerprint["dtype"] == "float32"
    assert fingerprint["spec"] == str(tiny_gpt2)


def test_the_same_folder_gives_the_same_fingerprint_in_another_session(tiny_gpt2):
    first = cc.load(str(tiny_gpt2))
    with cc.use_session(cc.Session()):
        assert cc.load(str(tiny_gpt2)).ref == first.ref


@pytest.mark.parametrize(
    "options, part", [({"dtype": "float64"}, "weights"), ({"dtype": "float64"}, "dtype"), ({"bos": "always"}, "bos")]
)
def test_dtype_and_bos_policy_change_it(tiny_gpt2, options, part):
    one, other = cc.load(str(tiny_gpt2)), cc.load(str(tiny_gpt2), **options)
    assert one.fingerprint[part] != other.fingerprint[part]
    assert one.ref.fingerprint != other.ref.fingerprint


@pytest.mark.parametrize(
    "name", ["transformer.h.2.mlp.c_fc.bias", "transformer.h.0.attn.c_attn.weight", "transformer.wpe.weight"]
)
def test_one_number_of_any_weight_changes_it(tiny_gpt2, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    before = cc.load(str(copy)).ref.fingerprint
    tensors = load_file(copy / "model.safetensors")
    tensors[name].view(-1)[3] += 1e-3
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with cc.use_session(cc.Session()):
        assert cc.load(str(copy)).ref.fingerprint != before


def test_other_weights_are_another_model(tiny_gpt2, tmp_path):
    other = cc.load(str(save_tiny_gpt2(tmp_path / "other", seed=1)))
    assert other.fingerprint["weights"] != cc.load(str(tiny_gpt2)).fingerprint["weights"]
