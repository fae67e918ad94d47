"""What makes two models the same model."""

import shutil
import warnings
from functools import partial

import pytest
from safetensors.torch import load_file, save_file
from tiny import save_tiny_gpt2

import circuitcheck as cc
from circuitcheck.digest import function_in_words


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


def halves(by):
    return lambda honest: lambda *given, **named: honest(*given, **named) * by


@pytest.mark.parametrize(
    "change",
    [
        lambda block, forward: setattr(block.ln_1, "eps", 0.5),
        lambda block, forward: vars(block.mlp).update(forward=halves(0.5)(forward)),
        lambda block, forward: vars(block.mlp).update(forward=halves(2.0)(forward)),
        lambda block, forward: vars(block.mlp).update(forward=partial(halves(2.0)(forward))),
    ],
    ids=["epsilon", "half", "double", "partial"],
)
def test_what_a_user_does_to_a_model_makes_it_another(tiny_gpt2, change):
    """Else values measured before would be taken for its own."""
    from transformer_lens.model_bridge import TransformerBridge

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = TransformerBridge.boot_transformers(str(tiny_gpt2), device="cpu")
    seen = set()
    block = model.original_model.transformer.h[1]
    honest = block.mlp.forward
    for number in range(2):
        with cc.use_session(cc.Session()):
            seen.add(cc.load(model, bos="never").ref.fingerprint)
        if not number:
            change(block, honest)
    assert len(seen) == 2


def test_two_functions_of_one_text_and_other_numbers_are_two():
    assert len({function_in_words(halves(by)(len)) for by in (0.5, 2.0, 2.0)}) == 2
    assert len({function_in_words(partial(len, by)) for by in (0.5, 2.0, 2.0)}) == 2
