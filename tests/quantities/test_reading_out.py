"""What a view says of one prompt, against the bare `transformers` model.

How it could be fooled: numbers of the untouched model under a view's name; a BOS that is not counted; logits without a
softmax, or of another token than the last; a continuation that forgets the intervention after its first token."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadTask, NotComparable, UnknownUnit

STEPS = 6
ORGANISM = Path(cc.__file__).parent / "models" / "bundled" / "organism"


@pytest.fixture(scope="module")
def bare(tiny_gpt2):
    return AutoModelForCausalLM.from_pretrained(tiny_gpt2, attn_implementation="eager").eval().requires_grad_(False)


@pytest.fixture(scope="module")
def without_mlp(tiny_gpt2):
    """The bare model whose MLP of layer 1 adds nothing."""
    made = AutoModelForCausalLM.from_pretrained(tiny_gpt2, attn_implementation="eager").eval().requires_grad_(False)
    made.transformer.h[1].mlp.register_forward_hook(lambda _module, _given, out: torch.zeros_like(out))
    return made


@pytest.fixture
def view(model):
    return model.ablate("L1.mlp", kind="zero")


@pytest.fixture
def prompt(model, ioi):
    return ioi.prompts(3, model=model)[2]


def greedy(bare, tokens, steps):
    tokens = list(tokens)
    for _ in range(steps):
        tokens.append(int(bare(torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax()))
    return tokens


def test_the_top_tokens_are_those_of_the_view(model, view, prompt, bare, without_mlp):
    for one, own in ((model, bare), (view, without_mlp), (model.on("abc"), bare)):
        tokens = prompt.run(one.data.base)
        logits = own(torch.tensor([tokens])).logits[0, -1]
        expected = logits.topk(5)
        found = one.top_tokens(prompt, 5)
        assert [each.token for each in found] == expected.indices.tolist()
        assert [each.text for each in found] == [model.tokenizer.decode([token]) for token in expected.indices.tolist()]
        assert [each.logit for each in found] == pytest.approx(expected.values.tolist(), abs=1e-5)
        assert [each.probability for each in found] == pytest.approx(logits.softmax(0)[expected.indices].tolist(), rel=1e-4)
    assert model.top_tokens(prompt.text, 5)[0].token == model.top_tokens(prompt, 5)[0].token
    assert len(model.top_tokens(prompt, 10**6)) == len(logits)
    assert view.top_tokens(prompt) != model.top_tokens(prompt)


def test_a_pattern_is_over_all_tokens_that_the_model_reads(model, prompt, bare):
    found = model.attention_pattern(prompt, "L2H3")
    expected = bare(torch.tensor([prompt.tokens]), output_attentions=True).attentions[2][0, 3]
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert "".join(found.tokens) == model.tokenizer.decode(prompt.tokens)
    assert len(found.tokens) == len(prompt.tokens) == len(found.values)
    knocked = model.knock_out_attention("L2H3", query="END", key="S1").attention_pattern(prompt, "L2H3")
    (s1,) = prompt.positions["S1"]
    assert knocked.values[-1, s1] == 0 < found.values[-1, s1]


def test_a_bos_is_one_of_the_tokens(model, tiny_gpt2):
    with_bos = cc.load(str(tiny_gpt2), bos="always")
    plain, more = (each.attention_pattern("Then Mary met", "L0H0") for each in (model, with_bos))
    assert more.tokens[1:] == plain.tokens
    assert len(more.values) == len(plain.values) + 1


@pytest.fixture(scope="module")
def organism(shared_session):
    """It says different things; a random model repeats itself."""
    with cc.use_session(shared_session):
        return cc.load("organism")


def continued(model, prompt, base="clean", without=None):
    """What the bare organism says next, its MLP of layer `without` adding nothing."""
    own = AutoModelForCausalLM.from_pretrained(ORGANISM, attn_implementation="eager").eval().requires_grad_(False)
    if without is not None:
        own.model.layers[without].mlp.register_forward_hook(lambda _module, _given, out: torch.zeros_like(out))
    tokens = prompt.run(base)
    return model.tokenizer.decode(greedy(own, tokens, STEPS)).removeprefix(model.tokenizer.decode(tokens))


def test_it_goes_on_as_the_view_does_at_each_step(organism, ioi):
    prompt, view = ioi.prompts(3, model=organism)[2], organism.ablate("L1.mlp", kind="zero")
    found = [each.generate(prompt, STEPS) for each in (organism, organism.on("abc"), view)]
    assert found == [continued(organism, prompt), continued(organism, prompt, "abc"), continued(organism, prompt, without=1)]
    assert len(set(found)) == 3
    assert organism.generate(prompt.text, 1) == organism.top_tokens(prompt, 1)[0].text


def test_end_moves_on_and_other_positions_stay(organism, ioi):
    """Of the last layer, what an MLP adds to a token is read at that token alone."""
    prompt = ioi.prompts(3, model=organism)[2]
    found = [organism.ablate("L3.mlp", kind="zero", at=at).generate(prompt, STEPS) for at in ("END", "S1")]
    assert found == [continued(organism, prompt, without=3), continued(organism, prompt)]
    assert found[0] != found[1]


def test_what_cannot_be_read_out_is_refused(model, ioi, prompt):
    with pytest.raises(BadTask, match="2 prompts were given; expected one"):
        model.top_tokens(ioi.prompts(2, model=model))
    with pytest.raises(BadTask, match="k=0"):
        model.top_tokens(prompt, 0)
    most = model.architecture.n_ctx + 1 - len(prompt.tokens)
    with pytest.raises(BadTask, match=rf"n={most + 1}: at most {most} tokens can follow"):
        model.generate(prompt, most + 1)
    with pytest.raises(BadIntervention, match="task"):
        model.ablate("L1.mlp", kind="mean").generate(prompt, 2)
    for head in ("L1.mlp", "L1H0-1"):
        with pytest.raises(UnknownUnit, match="is not one head"):
            model.attention_pattern(prompt, head)


def test_a_direction_comes_out_as_it_went_in(model, ioi):
    numbers = np.arange(32) / 7.0 - 1
    given = cc.direction(numbers, model, layers="L0-1")
    assert set(cc.vectors(given)) == {0, 1}
    np.testing.assert_array_equal(cc.vectors(given)[1], numbers)
    found = cc.mean_difference(ioi, model, "resid_post", at="S1", minus="START+1", layers="L1", n=4)
    prompts = ioi.prompts(4, model=model, stream="discovery")
    values = [(each, model.cache(each, "L1.resid_post")["L1.resid_post"][0].double()) for each in prompts]
    by_hand = sum(value[each.positions["S1"][-1]] - value[1] for each, value in values).numpy() / 4
    np.testing.assert_allclose(cc.vectors(found)[1], by_hand, atol=1e-6)
    drawn = cc.random_direction(found)
    assert np.linalg.norm(cc.vectors(drawn)[1]) == pytest.approx(np.linalg.norm(by_hand))
    cosine = float(by_hand @ numbers / np.linalg.norm(by_hand) / np.linalg.norm(numbers))
    assert cc.cosines(found, given) == {1: pytest.approx(cosine, abs=1e-6)}
    assert cc.cosines(found, cc.direction(-by_hand, model, layers="L1")) == {1: pytest.approx(-1)}


def test_directions_of_two_streams_have_no_angle(model, tiny_gpt2):
    one = cc.direction(np.ones(32), model, layers="L0")
    others = cc.direction(np.ones(32), model, "resid_pre", layers="L0"), cc.direction(np.ones(32), model, layers="L1")
    folded = cc.direction(np.ones(32), cc.load(f"{tiny_gpt2}+folded"), layers="L0")
    for other, said in zip((*others, folded), ("not of one stream", "no layer in common", "not of one stream"), strict=True):
        with pytest.raises(NotComparable, match=said):
            cc.cosines(one, other)


def test_token_numbers_are_positions(model, ioi, prompt):
    values = model.cache(prompt, "L1.resid_pre")["L1.resid_pre"][0].double()
    cases = {"START": 0, "START+2": 2, "END-1": len(prompt.tokens) - 2}
    for at, column in cases.items():
        found = ioi.metric(cc.norm("L1.resid_pre", at=at), model).values(3)[2]
        assert found == pytest.approx(float(values[column].norm()), rel=1e-6)
    cut = model.ablate("L1.resid_pre", kind="zero", at="START+2").cache(prompt, "L1.resid_pre")["L1.resid_pre"][0]
    assert cut.any(dim=1)[:4].tolist() == [True, True, False, True]
