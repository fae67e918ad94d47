"""Model objects of the user's, taken as they are."""

import numpy as np
import pytest
import torch
from tiny import save_tokenizer, tiny_hooked_transformer

import circuitcheck as cc
from circuitcheck.errors import BadSpec, ModelUnavailable

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def bridge(tiny_gpt2):
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2)
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2, attn_implementation="eager", dtype=torch.float32)
    return TransformerBridge.boot_transformers(str(tiny_gpt2), hf_model=model, tokenizer=tokenizer, device="cpu")


@pytest.fixture
def hooked_transformer(tmp_path):
    save_tokenizer(tmp_path)
    return tiny_hooked_transformer(tmp_path)


def test_a_bridge_gives_the_values_of_the_folder_that_it_was_read_from(bridge, tiny_gpt2):
    ioi = cc.tasks.ioi()
    from_bridge = ioi.logit_diff(cc.load(bridge, bos="never").ablate("L1H2", kind="zero", at="END")).values(32)
    from_folder = ioi.logit_diff(cc.load(str(tiny_gpt2), device="cpu").ablate("L1H2", kind="zero", at="END")).values(32)
    np.testing.assert_allclose(from_bridge, from_folder, atol=1e-6)


def test_a_hooked_transformer_gives_values_and_takes_interventions(hooked_transformer):
    model, ioi = cc.load(hooked_transformer), cc.tasks.ioi()
    assert model.architecture.n_layers == 2
    clean = ioi.logit_diff(model).values(32)
    ablated = ioi.logit_diff(model.ablate("L0-1.mlp, L0-1.attn", kind="zero")).values(32)
    assert np.isfinite(clean).all()
    assert (clean != ablated).all()


def test_a_hooked_transformer_is_scored_by_its_own_logits(hooked_transformer):
    model, ioi = cc.load(hooked_transformer), cc.tasks.ioi()
    (prompt,) = ioi.prompts(1, model=model)
    with torch.no_grad():
        logits = hooked_transformer(torch.tensor([prompt.tokens]), prepend_bos=False)[0, -1].double()
    expected = float(logits[prompt.answer_id] - logits[prompt.distractor_id])
    np.testing.assert_allclose(ioi.logit_diff(model).values(1), [expected], atol=1e-5)


def test_one_object_taken_twice_is_one_model(hooked_transformer):
    assert cc.load(hooked_transformer).ref == cc.load(hooked_transformer).ref


def test_an_object_does_not_travel_and_says_so(hooked_transformer):
    model = cc.load(hooked_transformer)
    with cc.use_session(cc.Session()), pytest.raises(ModelUnavailable, match="object"):
        cc.tasks.ioi().logit_diff(model).values(1)


@pytest.mark.parametrize("thing", [torch.nn.Linear(2, 2), 3, None, b"gpt2", ["gpt2"]])
def test_something_else_is_refused_in_words(thing):
    with pytest.raises(BadSpec, match=rf"{type(thing).__name__}.*TransformerBridge.*HookedTransformer"):
        cc.load(thing)


def test_a_plain_transformers_model_is_refused_with_the_way_to_wrap_it(tiny_gpt2):
    from transformers import AutoModelForCausalLM

    with pytest.raises(BadSpec, match="boot_transformers"):
        cc.load(AutoModelForCausalLM.from_pretrained(tiny_gpt2))


def test_an_object_without_a_tokenizer_is_refused(hooked_transformer):
    hooked_transformer.tokenizer = None
    with pytest.raises(BadSpec, match="tokenizer"):
        cc.load(hooked_transformer)


def test_equal_weights_under_another_config_are_another_model(bridge, tiny_gpt2):
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(
        tiny_gpt2, attn_implementation="eager", dtype=torch.float32, layer_norm_epsilon=1.0
    )
    other = TransformerBridge.boot_transformers(
        str(tiny_gpt2), hf_model=model, tokenizer=AutoTokenizer.from_pretrained(tiny_gpt2), device="cpu"
    )
    ioi = cc.tasks.ioi()
    mine, theirs = (ioi.logit_diff(cc.load(each)).values(32) for each in (bridge, other))
    assert (mine != theirs).any()
