"""What runs is the model in the file, or an error says why not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import tiny_hooked_transformer

import circuitcheck as cc
from circuitcheck.errors import BadSpec, CorruptCheckpoint, ModelChanged, ModelUnavailable, UnsoundModel, UnsupportedModel


@pytest.fixture
def copy_of(tmp_path):
    """A checkpoint's folder, copied, with other words in its config.json."""

    def copied(folder, **changes):
        copy = Path(shutil.copytree(folder, tmp_path / "copy"))
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, **changes}))
        return copy

    return copied


def with_weights(folder, **more):
    path = folder / "model.safetensors"
    save_file({**load_file(path), **more}, path, metadata={"format": "pt"})
    return folder


def values(model):
    return cc.tasks.ioi().logit_diff(model).values(4)


def test_fewer_layers_than_the_file_holds(copy_of, tiny_llama):
    with pytest.raises(CorruptCheckpoint, match=r"no place for, such as model\.layers\.1\..* with 1 layers"):
        cc.load(str(copy_of(tiny_llama, num_hidden_layers=1)))


def test_biases_that_the_config_leaves_out(copy_of, tiny_llama):
    folder = copy_of(tiny_llama)
    bias = {"model.layers.0.self_attn.q_proj.bias": torch.ones(32)}
    with pytest.raises(CorruptCheckpoint, match=r"such as model\.layers\.0\.self_attn\.q_proj\.bias"):
        cc.load(str(with_weights(folder, **bias)))


def test_buffers_that_old_versions_saved_are_no_weights(copy_of, tiny_llama):
    folder = with_weights(copy_of(tiny_llama), **{"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    assert (values(cc.load(str(folder))) == values(cc.load(str(tiny_llama)))).all()


def test_an_adapter_that_nobody_applied(copy_of, tiny_llama):
    folder = copy_of(tiny_llama)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "base"}')
    with pytest.raises((CorruptCheckpoint, ModelUnavailable), match="adapter|peft"):
        cc.load(str(folder))


def test_a_tokenizer_of_another_model(copy_of, tiny_gpt2):
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = copy_of(tiny_gpt2)
    GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=100, bos_token_id=0)).save_pretrained(folder)
    with pytest.raises(CorruptCheckpoint, match="the model has 100 embeddings"):
        cc.load(str(folder))


def test_a_word_of_a_config_that_the_wrapper_passes_over(copy_of, tiny_gpt2):
    with pytest.raises(UnsoundModel, match="differ from those of the bare transformers model"):
        cc.load(str(copy_of(tiny_gpt2, scale_attn_weights=False)))


def test_a_layout_that_the_wrapper_does_not_know(tmp_path, tiny_gpt2):
    from transformers import FalconConfig, FalconForCausalLM

    folder = Path(shutil.copytree(tiny_gpt2, tmp_path / "falcon"))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_kv_heads": 2}
    FalconForCausalLM(FalconConfig(vocab_size=2000, new_decoder_architecture=True, **sizes)).save_pretrained(folder)
    with pytest.raises(UnsupportedModel, match=r"cannot run .*falcon, a FalconForCausalLM"):
        cc.load(str(folder))


def test_how_far_it_is_from_the_bare_model_is_told(tiny_llama):
    model = cc.load(str(tiny_llama))
    (said,) = [each for each in cc.current_session().engine.examine(model.ref).findings if "bare transformers" in each.check]
    assert said.status == "passed"
    assert said.error < 1e-5


# The state of the process that loads and runs it


@pytest.mark.sampled(1)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_around_a_claim_changes_nothing(tiny_llama, dtype):
    model = cc.load(str(tiny_llama))
    with torch.autocast("cpu", dtype=dtype):
        found = values(model)
    with cc.use_session(cc.Session()):
        assert (found == values(cc.load(str(tiny_llama)))).all()


def test_another_default_dtype_changes_nothing(tiny_llama):
    expected = values(cc.load(str(tiny_llama)))
    torch.set_default_dtype(torch.float64)
    try:
        with cc.use_session(cc.Session()):
            found = values(cc.load(str(tiny_llama)))
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert (found == expected).all()


def test_a_tokenizer_that_pads_on_the_left_changes_nothing(tiny_gpt2):
    model = tiny_hooked_transformer(tiny_gpt2, initializer_range=0.3)
    expected = values(cc.load(model))
    model.tokenizer.padding_side = "left"
    with cc.use_session(cc.Session()):
        np.testing.assert_allclose(values(cc.load(model)), expected, rtol=1e-5)


def test_attention_that_another_model_s_loading_replaces(tiny_llama, monkeypatch):
    import transformers.models.llama.modeling_llama as source

    model = cc.load(str(tiny_llama))
    values(model)
    honest = source.eager_attention_forward
    monkeypatch.setattr(source, "eager_attention_forward", lambda *given, **named: honest(*given, **named))
    with pytest.raises(ModelChanged, match="eager_attention_forward"):
        cc.tasks.ioi().accuracy(model).values(4)


@pytest.mark.slow
def test_a_file_cut_short_while_the_model_runs_costs_nothing(copy_of, tiny_llama):
    """A process of its own, since one that had the file mapped would die."""
    folder = copy_of(tiny_llama)
    script = f"""
import os, circuitcheck as cc
model = cc.load({str(folder)!r})
os.truncate({str(folder / "model.safetensors")!r}, 100)
print(cc.tasks.ioi().logit_diff(model).values(2))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_which_layers_are_tied_is_part_of_the_fingerprint(tiny_gpt2):
    models = [tiny_hooked_transformer(tiny_gpt2, n_layers=3) for _ in range(2)]
    for model in models:
        for block in model.blocks[1:]:
            block.mlp.W_in.data = model.blocks[0].mlp.W_in.data.clone()
    models[0].blocks[2].mlp.W_in = models[0].blocks[0].mlp.W_in
    models[1].blocks[2].mlp.W_in = models[1].blocks[1].mlp.W_in
    assert cc.load(models[0]).fingerprint["weights"] != cc.load(models[1]).fingerprint["weights"]


# Folders that are no checkpoint


def test_a_folder_above_the_checkpoint_names_the_one_inside(copy_of, tiny_gpt2):
    folder = copy_of(tiny_gpt2)
    with pytest.raises(BadSpec, match="a folder in it is: name .*copy"):
        cc.load(str(folder.parent))


@pytest.mark.parametrize(
    "words, message",
    [
        ({"model_type": "lama"}, "Did you mean 'llama'"),
        ({"model_type": "mine", "auto_map": {"AutoConfig": "code.Mine"}}, "auto_map.*never run here"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers=1000000000"),
        ({"num_attention_heads": 0}, "num_attention_heads=0"),
        ({"_attn_implementation": "owner/kernel"}, "code on a hub"),
        ({"text_config": {"attn_implementation": "owner/kernel"}}, "code on a hub"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes"),
    ],
)
def test_configs_that_no_model_is_made_of(copy_of, tiny_llama, words, message):
    with pytest.raises((CorruptCheckpoint, ModelUnavailable), match=message):
        cc.load(str(copy_of(tiny_llama, **words)))


def test_code_of_a_checkpoint_never_runs(copy_of, tiny_llama, tmp_path):
    ran = tmp_path / "ran"
    maps = {"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.Mine", "AutoTokenizer": ["code.Mine", None]}
    folder = copy_of(tiny_llama, auto_map=maps)
    (folder / "code.py").write_text(f"open({str(ran)!r}, 'w')\nclass Mine: pass\n")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "auto_map": maps}))
    cc.load(str(folder))  # transformers knows a llama by itself
    assert not ran.exists()


def test_a_link_to_a_file_that_is_gone(copy_of, tiny_llama):
    folder = copy_of(tiny_llama)
    (folder / "tokenizer.model").symlink_to("/nowhere")
    with pytest.raises(CorruptCheckpoint, match=r"tokenizer\.model is a link to a file that is not there"):
        cc.load(str(folder))
