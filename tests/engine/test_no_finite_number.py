"""Logits that are no finite numbers give no numbers, whatever a metric would make of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import circuitcheck as cc
from circuitcheck.engine.torch.readouts.base import _broken
from circuitcheck.errors import Inconclusive, UnsoundModel
from circuitcheck.session import CheckUpStore

METRICS = [cc.logit_diff(), cc.accuracy(), cc.rank(), cc.probability(), cc.loss(), cc.candidate_accuracy()]


@pytest.fixture
def damaged(tiny_llama, tmp_path):
    """A checkpoint in which something was done to one tensor."""

    def made(name, change):
        folder = Path(shutil.copytree(tiny_llama, tmp_path / "damaged"))
        tensors = load_file(folder / "model.safetensors")
        change(tensors[name])
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return made


def word(folder, text):
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    return vocabulary[text]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.sampled(2)
def test_prompts_with_a_broken_word_have_no_value_and_others_do(damaged, tiny_llama, metric, value):
    token = word(tiny_llama, "\u0120store")
    folder = damaged("model.embed_tokens.weight", lambda tensor: tensor[token].fill_(value))
    ioi, model = cc.tasks.ioi(), cc.load(str(folder))
    prompts = ioi.prompts(64, model=model)
    found = ioi.metric(metric, model).values(64)
    broken = np.array([token in prompt.tokens for prompt in prompts])
    assert broken.any()
    assert not broken.all()
    np.testing.assert_array_equal(np.isnan(found), broken)
    with pytest.raises(Inconclusive, match="no finite number"):
        bool(ioi.metric(metric, model) > -100)


def test_the_doctor_says_so_before_anything_else(damaged):
    folder = damaged("lm_head.weight", lambda tensor: tensor[5].fill_(float("nan")))
    with cc.use_session(cc.Session(checkups=CheckUpStore())), pytest.raises(UnsoundModel, match="logits are finite numbers"):
        cc.tasks.ioi().logit_diff(cc.load(str(folder))).values(4)


def test_overflow_in_float16_is_said(damaged):
    folder = damaged("model.layers.0.mlp.down_proj.weight", lambda tensor: tensor.mul_(1e7))
    with cc.use_session(cc.Session(checkups=CheckUpStore())):
        cc.tasks.ioi().logit_diff(cc.load(str(folder))).values(4)
        with pytest.raises(UnsoundModel, match="NaN or infinity in float16"):
            cc.tasks.ioi().logit_diff(cc.load(str(folder), dtype="float16")).values(4)


def test_a_model_that_ignores_what_it_reads_is_said(damaged):
    folder = damaged("lm_head.weight", lambda tensor: tensor.zero_())
    with cc.use_session(cc.Session(checkups=CheckUpStore())), pytest.raises(UnsoundModel, match="they depend on the input"):
        cc.tasks.ioi().logit_diff(cc.load(str(folder))).values(4)


def test_a_token_that_a_model_excludes_is_no_damage():
    logits = torch.zeros(2, 5)
    logits[0, 3] = -torch.inf
    assert not _broken(logits).any()
    logits[0] = -torch.inf
    assert _broken(logits).tolist() == [True, False]
