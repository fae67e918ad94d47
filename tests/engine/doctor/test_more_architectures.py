"""The doctor on architectures beyond the six: which sites hold, which are refused, and heads named by their weights."""

from importlib.metadata import version

import pytest
import torch
from tiny_architectures import GROUPED, SETTINGS, SMALL, save_architecture

import circuitcheck as cc
from circuitcheck.errors import UnsoundModel, UnsupportedModel

FOUR = version("transformer-lens").startswith("4")
INSIDE = {"v", "scores", "pattern"}  # of attention that transformers computes by itself, and the bridge only looks at

# name of the config: the kinds of site that fail, those that are refused
ARCHITECTURES = {
    "DeepseekV2": (set(), {"q", "k", "v", "pattern"}),
    "DeepseekV3": (set(), {"q", "k", "v", "pattern"}),
    "Falcon": (set(), {"mlp_in", "resid_mid"}),
    "GPTJ": (INSIDE, {"mlp_in", "resid_mid"}),
    "OPT": (INSIDE, set()),
    "Bloom": (set(), set()),
    "Olmo2": ({"q", "k"}, set()),  # a norm over all heads follows
    "Granite": (set() if FOUR else {"embed"}, set()),
    "Phi": (set(), {"mlp_in", "resid_mid"}),
    "Mixtral": (set(), set()),
    "Gemma2": (set(), set()),
    "GPTBigCode": (set(), set()),
    "Mistral": (set(), set()),
    "GptOss": ({"scores"}, set()),  # a sink takes a part of each softmax
}
NOT_WRAPPED = {
    "Falcon": ({**SMALL, "new_decoder_architecture": True, "num_kv_heads": 2}, UnsupportedModel),
    **({} if FOUR else {"Cohere": (GROUPED, UnsoundModel)}),  # of which TransformerLens 3.9 gives other logits
}
OTHER_IN_FOUR = {"OPT": "its bridge keeps hooks of its own, which are taken for a user's"}


@pytest.fixture
def folder_of(tmp_path, words):
    return lambda name, settings: save_architecture(name, settings, words, tmp_path / name)


@pytest.mark.filterwarnings("ignore:A hook on attn")  # TransformerLens 4 says what the doctor finds
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.xfail(reason=OTHER_IN_FOUR[name])] if FOUR and name in OTHER_IN_FOUR else [])
        for name in ARCHITECTURES
    ],
)
@pytest.mark.sampled(1)
def test_what_holds_and_what_does_not_is_known(folder_of, name):
    fails, refused = ARCHITECTURES[name]
    model = cc.load(folder_of(name, SETTINGS[name]), device="cpu")
    found = cc.current_session().engine.examine(model.ref).findings
    assert {each.subject for each in found if each.status == "failed"} == fails
    assert {each.subject for each in found if each.status == "refused" and each.subject != "model"} - {"scores"} == refused
    (by_weights,) = [each for each in found if each.subject == "z" and each.check == "each is the one of its weights"]
    assert by_weights.status == "passed"


@pytest.mark.parametrize("name", NOT_WRAPPED)
def test_a_layout_that_would_give_other_numbers_is_refused(folder_of, name):
    settings, error = NOT_WRAPPED[name]
    with pytest.raises(error):
        cc.load(folder_of(name, settings), device="cpu")


def test_a_head_of_latent_attention_is_the_one_of_its_weights(folder_of):
    """Against a hook on the bare model's output projection: the truth of a field report, where half of head 0 was cut."""
    from transformers import AutoModelForCausalLM

    folder, ioi = folder_of("DeepseekV3", SETTINGS["DeepseekV3"]), cc.tasks.ioi()
    model = cc.load(folder, device="cpu")
    prompts = ioi.prompts(3, model=model)
    found = ioi.logit_diff(model.ablate("L1H1", kind="zero", at="END")).values(3)

    def cut(_module, given):
        z = given[0].clone()
        z[:, -1, 8:16] = 0
        return (z,)

    bare = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    bare.model.layers[1].self_attn.o_proj.register_forward_pre_hook(cut)
    with torch.no_grad():
        logits = [bare(torch.tensor([each.tokens])).logits[0, -1] for each in prompts]
    truth = [float(row[each.answer_id] - row[each.distractor_id]) for row, each in zip(logits, prompts, strict=True)]
    assert found == pytest.approx(truth, abs=1e-4)
