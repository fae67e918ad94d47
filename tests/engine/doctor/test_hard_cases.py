"""Broken models that are hard to tell from sound ones, sound ones that look broken, and ones in which places are missing."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from defects import (
    SUM,
    Deaf,
    Defect,
    Twice,
    becomes,
    forgets_the_policy,
    forward_of,
    lies_at,
    shows_heads_reversed,
)
from tiny import tiny_hooked_transformer

from circuitcheck.engine.torch.doctor import examine
from circuitcheck.engine.torch.fingerprints.recorded_state import RecordedState
from circuitcheck.engine.torch.loaded.model import adopt, load
from circuitcheck.errors import BadSpec, UnknownUnit
from circuitcheck.models import parse_spec


def lie_at_each_other_s(one, other, first, second):
    def infect(loaded, patches):
        lies_at(one, second)(loaded, patches)
        lies_at(other, first)(loaded, patches)

    return infect


def repeats_keys_and_values_in_turn(loaded, patches):
    """Heads read key/value heads 0 1 0 1, where they should read 0 0 1 1."""
    from transformers.models.llama import modeling_llama

    patches.setattr(modeling_llama, "repeat_kv", lambda states, times: states.repeat(1, times, 1, 1))


HARD = [
    Defect(
        "queries are keys and keys are queries",
        lie_at_each_other_s("q", "k", "blocks.{layer}.attn.hook_q", "blocks.{layer}.attn.hook_k"),
        ("q", ""),
    ),
    Defect("heads of values in another order", shows_heads_reversed("v", both_ways=True), ("v", ""), family="llama"),
    Defect("heads of keys in another order", shows_heads_reversed("k", both_ways=True), ("k", ""), family="llama"),
    Defect("keys and values repeated in turn", repeats_keys_and_values_in_turn, ("v", ""), family="llama"),
    Defect("embed holds positions too", lies_at("embed", "blocks.0.hook_resid_pre"), ("embed", "")),
    Defect("neurons before the activation", lies_at("neurons", "blocks.{layer}.mlp.in.hook_out"), ("neurons", "")),
    Defect("neurons before the MLP", lies_at("neurons", "blocks.{layer}.mlp.hook_in"), ("neurons", "")),
    Defect("mlp_in after the norm", lies_at("mlp_in", "blocks.{layer}.mlp.hook_in"), ("mlp_in", "")),
    Defect("queries after the rotation", lies_at("q", "blocks.{layer}.attn.hook_rot_q"), ("q", ""), family="llama"),
    Defect("keys after the rotation", lies_at("k", "blocks.{layer}.attn.hook_rot_k"), ("k", ""), family="llama"),
    Defect(
        "attn_out is mlp_out and mlp_out is attn_out in parallel blocks",
        lie_at_each_other_s("attn_out", "mlp_out", "blocks.{layer}.hook_attn_out", "blocks.{layer}.hook_mlp_out"),
        ("z", ""),  # both are added to one stream: what tells them apart is what they are made of
        family="neox",
    ),
    Defect("a layer that is not looked at", becomes("z", Deaf, 2), ("z", ""), layers=4),
    Defect("no BOS against the policy", forgets_the_policy, ("text", ""), bos="always"),
]


@pytest.mark.parametrize("defect", HARD, ids=str)
@pytest.mark.sampled(2)
def test_what_is_broken_is_found_at_its_site(defect, ward):
    failed = {each.subject for each in examine(ward(defect)).failed}
    assert defect.found[0] in failed, failed


# Sound models ----------------------------------------------------------------------------------------------------------


def silence_attention(model):
    """A layer that adds nothing, as in models that were grown or pruned."""
    model.transformer.h[1].attn.c_proj.weight.data.zero_()
    model.transformer.h[1].attn.c_proj.bias.data.zero_()


def silence_queries(model):
    """A layer that looks the same way whatever it reads."""
    layer = model.transformer.h[1].attn.c_attn
    width = layer.weight.shape[0]
    layer.weight.data[:, :width] = 0
    layer.bias.data[:width] = 0


def prune_a_head(model):
    """One head without values."""
    layer = model.transformer.h[1].attn.c_attn
    width = layer.weight.shape[0]
    layer.weight.data[:, 2 * width : 2 * width + width // 4] = 0
    layer.bias.data[2 * width : 2 * width + width // 4] = 0


def grow_one_number(model):
    """A massive activation: one number of the first token's stream is a thousand times the others."""
    model.transformer.wpe.weight.data[0, 3] = 2000


@pytest.mark.parametrize(
    "change, dtype",
    [(silence_attention, "float32"), (silence_queries, "float32"), (prune_a_head, "float32"), (grow_one_number, "bfloat16")],
)
@pytest.mark.sampled(1)
def test_a_sound_model_passes(checkpoint, change, dtype):
    found = examine(load(parse_spec(str(checkpoint("gpt2", change=change)), dtype=dtype), "cpu"))
    assert [f"{each.subject}: {each.check}: {each.describe()}" for each in found.failed] == []


ONE_HEAD = "a write to one head reaches those that read it alone"

# Places that are missing ------------------------------------------------------------------------------------------------


def says_that_blocks_are_sequential(loaded, patches):
    card = loaded.card
    patches.setattr(loaded, "card", replace(card, architecture=replace(card.architecture, parallel=False)))


SPEECHLESS = [
    Defect("blocks are sequential, by the card", says_that_blocks_are_sequential, ("resid_mid", "is there"), family="neox"),
    Defect("a point that is not there", lies_at("pattern", "blocks.{layer}.attn.hook_nowhere"), ("pattern", "is there")),
    Defect("a point that fires twice", becomes("z", Twice), ("z", "is there")),
    Defect("resid_pre is resid_post", lies_at("resid_pre", "blocks.{layer}.hook_resid_post"), ("model", SUM)),
    Defect("a point that never fires", lies_at("mlp_out", "blocks.{layer}.attn.hook_result"), ("mlp_out", "is there")),
]


@pytest.mark.parametrize("defect", SPEECHLESS, ids=str)
@pytest.mark.sampled(2)
def test_a_place_that_is_not_there_is_a_finding(defect, ward):
    found = examine(ward(defect)).findings
    assert {(each.subject, each.check) for each in found if each.status in ("refused", "failed")} >= {defect.found}


def hooked_transformer(folder, **config):
    return tiny_hooked_transformer(folder, initializer_range=0.3, **config)


def test_a_hooked_transformer_passes(words):
    found = examine(adopt(hooked_transformer(words), "never"))
    assert found.failed == ()
    assert {each.subject for each in found.findings if each.status == "refused"} == {"mlp_in"}


@pytest.mark.parametrize(
    "config", [{"attn_only": True, "d_mlp": None}, {"n_ctx": 12}, {"n_ctx": 8}], ids=["attention_only", "short", "too_short"]
)
def test_a_small_model_passes(words, config):
    assert examine(adopt(hooked_transformer(words, **config), "never")).failed == ()


def test_a_check_up_of_a_broken_model_is_json(ward):
    found = examine(ward(Defect("", becomes("z", Deaf), ("", ""))))
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_defect_beside_a_massive_activation_is_found(checkpoint, monkeypatch):
    """Rounding is allowed for entry by entry: what one number loses in bfloat16 is more than the others are."""
    loaded = load(parse_spec(str(checkpoint("gpt2", change=grow_one_number)), dtype="bfloat16"), "cpu")
    forward_of(lambda block: block.attn, lambda out: out / 2)(loaded, monkeypatch)
    loaded.recorded = RecordedState.of(loaded.model)
    assert "attn_out" in {each.subject for each in examine(loaded).failed}


def test_paths_of_an_attention_only_model_are_patched(words):
    import circuitcheck as cc

    with cc.use_session(cc.Session()):
        model = cc.load(hooked_transformer(words, attn_only=True, d_mlp=None), bos="never")
        task = cc.tasks.ioi()
        view = model.patch_path("L0H1", into="L1H2.q", source="abc")
        assert abs(task.logit_diff(view).values(4) - task.logit_diff(model).values(4)).max() > 1e-6
        with pytest.raises(UnknownUnit, match="L0.mlp"):
            model.ablate("L0.mlp", kind="zero")
        assert len((~cc.layers("L0.attn")).resolve(model.architecture)) == 1


def test_olmo_2_normalises_after_its_layers_and_all_queries_together(words, tmp_path):
    """Its MLP reads the stream itself; a query of one head is seen by others, through the norm, and that is found."""
    from transformers import AutoTokenizer, Olmo2Config, Olmo2ForCausalLM

    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vocabulary = len(AutoTokenizer.from_pretrained(words))
        network = Olmo2ForCausalLM(Olmo2Config(vocab_size=vocabulary, eos_token_id=None, pad_token_id=None, **size))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    shutil.copytree(words, tmp_path / "olmo")
    network.save_pretrained(tmp_path / "olmo")
    found = examine(load(parse_spec(str(tmp_path / "olmo")), "cpu"))
    assert {(each.subject, each.check) for each in found.failed} == {("q", ONE_HEAD), ("k", ONE_HEAD)}
    with pytest.raises(BadSpec, match="cannot be folded"):
        load(parse_spec(f"{tmp_path / 'olmo'}+folded"), "cpu")
