"""The doctor on architectures beyond the six: which sites hold, which are refused, and heads named by their weights."""

import shutil
from importlib.metadata import version

import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import UnsoundModel, UnsupportedModel

FOUR = version("transformer-lens").startswith("4")
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
USUAL = {**SMALL, "intermediate_size": 64, "max_position_embeddings": 64}
GROUPED = {**USUAL, "num_key_value_heads": 2}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16}
LATENT = {**USUAL, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8, **EXPERTS}
INSIDE = {"v", "scores", "pattern"}  # of attention that transformers computes by itself, and the bridge only looks at

# name of the config: its words, the kinds of site that fail, those that are refused
ARCHITECTURES = {
    "DeepseekV2": ({**LATENT, "num_key_value_heads": 4, "q_lora_rank": None}, set(), {"q", "k", "v", "pattern"}),
    "DeepseekV3": ({**LATENT, "num_key_value_heads": 4, "q_lora_rank": 16}, set(), {"q", "k", "v", "pattern"}),
    "Falcon": ({**SMALL, "multi_query": True, "parallel_attn": True}, set(), {"mlp_in", "resid_mid"}),
    "GPTJ": ({**GPT, "rotary_dim": 4}, INSIDE, {"mlp_in", "resid_mid"}),
    "OPT": ({**SMALL, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64}, INSIDE, set()),
    "Bloom": ({"hidden_size": 32, "n_layer": 2, "n_head": 4}, set(), set()),
    "Olmo2": (GROUPED, {"q", "k"}, set()),  # a norm over all heads follows
    "Granite": ({**GROUPED, "embedding_multiplier": 3.0, "residual_multiplier": 0.5}, set() if FOUR else {"embed"}, set()),
    "Phi": ({**USUAL, "partial_rotary_factor": 0.5}, set(), {"mlp_in", "resid_mid"}),
    "Mixtral": ({**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2}, set(), set()),
    "Gemma2": ({**GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8}, set(), set()),
    "GPTBigCode": (GPT, set(), set()),
}
NOT_WRAPPED = {
    "Falcon": ({**SMALL, "new_decoder_architecture": True, "num_kv_heads": 2}, UnsupportedModel),
    **({} if FOUR else {"Cohere": (GROUPED, UnsoundModel)}),  # of which TransformerLens 3.9 gives other logits
}
OTHER_IN_FOUR = {"OPT": "its bridge keeps hooks of its own, which are taken for a user's"}


@pytest.fixture
def folder_of(tmp_path, words):
    def saved(name, settings):
        import transformers

        folder = shutil.copytree(words, tmp_path / name)
        vocabulary = len(transformers.AutoTokenizer.from_pretrained(folder))
        config = getattr(transformers, f"{name}Config")(
            vocab_size=vocabulary, bos_token_id=0, eos_token_id=0, pad_token_id=0, **settings
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = transformers.AutoModelForCausalLM.from_config(config)
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.data = torch.randn_like(parameter) * 1.3 / parameter.shape[-1] ** 0.5
        model.save_pretrained(folder)
        return str(folder)

    return saved


@pytest.mark.filterwarnings("ignore:A hook on attn")  # TransformerLens 4 says what the doctor finds
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.xfail(reason=OTHER_IN_FOUR[name])] if FOUR and name in OTHER_IN_FOUR else [])
        for name in ARCHITECTURES
    ],
)
def test_what_holds_and_what_does_not_is_known(folder_of, name):
    settings, fails, refused = ARCHITECTURES[name]
    model = cc.load(folder_of(name, settings), device="cpu")
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

    settings, _, _ = ARCHITECTURES["DeepseekV3"]
    folder, ioi = folder_of("DeepseekV3", settings), cc.tasks.ioi()
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
