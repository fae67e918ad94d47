"""What random plans seldom meet: tokenizers that pad on the left, words without a finite logit, texts that many rows share,
one prompt alone, silent features, and two objects that look like one model."""

import random
import warnings

import numpy as np
import pytest
import torch
from spies import short_passes_counted
from tiny import save_tiny_gpt2
from tiny_dictionaries import tiny_sae
from transformers import AutoModelForCausalLM, AutoTokenizer
from two_ways import TwoWays

import circuitcheck as cc

WORDS = ("Mary", "John", "store", "park", "gave", "went", "and", "then", "Tom", "flower")


@pytest.fixture(scope="module")
def gpt2(two_ways):
    return two_ways("gpt2")


def beside_clean(one, task, *views, metric=None, batch=32):
    chosen = metric or cc.logit_diff()
    return one.plan(task, *((view, chosen) for view in (one.model, *views)), batch=batch)


def test_one_prompt_alone(gpt2, alike):
    views = [gpt2.model.ablate("L2H1", kind="zero", at="END"), gpt2.model.patch("L1.mlp", source="abc", at="B")]
    for metric in (cc.logit_diff(), cc.kl_from_clean(), cc.attention("L2H1", query="END", key="A")):
        gpt2.compare(beside_clean(gpt2, alike, *views, metric=metric), 1)


def test_every_feature_silent(gpt2, alike):
    """Nothing moves, so there is nothing to sum."""
    width = int(gpt2.loaded.model.cfg.d_model)
    silent = cc.sae(tiny_sae(width, 5, features=6, silent=range(6)), at="L2.resid_pre")
    for edit in ("keep", "drop"):
        view = gpt2.model.remove(silent[0, 1], at="END", error=edit, allow_vacuous=True)
        assert not isinstance(gpt2.compare(beside_clean(gpt2, alike, view), 6), Exception)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Running text, of which each text is read at several of its tokens."""
    chance, file = random.Random(0), tmp_path_factory.mktemp("texts") / "texts.txt"
    lines = [" ".join([str(number), *chance.choices(WORDS, k=24)]) for number in range(40)]
    file.write_text("<|endoftext|>".join(lines), encoding="utf-8")
    found = cc.corpus(
        file,
        separator="<|endoftext|>",
        context=24,
        per_document=4,
        where=lambda token: 2 < token.index < 23,
        marks={"early": lambda token: token.index < 9},
    )
    return found.on_stream("test")


def test_rows_that_are_tokens_of_one_text(gpt2, texts):
    width = int(gpt2.loaded.model.cfg.d_model)
    features = cc.sae(tiny_sae(width, 2, features=8), at="L2.resid_pre")
    views = [
        gpt2.model.ablate("L2H1", kind="zero"),
        gpt2.model.ablate("L2H1", kind="mean", n=32),
        gpt2.model.ablate("L1.mlp", kind="resample", n=32),
        gpt2.model.remove(features[1, 4], allow_vacuous=True),
        gpt2.model.remove(features[1, 4], at="END", allow_vacuous=True),
        gpt2.model.ablate("L2H1", kind="zero", at="END"),
        gpt2.model.ablate("L2H2", kind="zero", at="END-1"),
    ]
    metrics = (cc.loss(), cc.log_prob(), cc.norm("L2.mlp", at="END"), cc.fires(features[1], at="END"), cc.marked("early"))
    for some in (views[:4], views):
        cells = [(view, metric) for view, metric in zip([gpt2.model, *some, *some], metrics * 3, strict=False)]
        found = gpt2.compare(gpt2.plan(texts, *cells, batch=3), 8)
        assert not isinstance(found, Exception), found


@pytest.fixture(scope="module")
def padded_left(words, tmp_path_factory):
    """A model whose tokenizer pads on the left, so that a mask is handed over with every pass."""
    folder = save_tiny_gpt2(tmp_path_factory.mktemp("left") / "gpt2", seed=2)
    with cc.use_session(cc.Session()) as session:
        found = TwoWays(session, cc.load(str(folder)))
    found.loaded.model.tokenizer.padding_side = "left"
    return found


def test_a_tokenizer_that_pads_on_the_left(padded_left, alike, monkeypatch):
    view = padded_left.model.ablate("L2H1", kind="zero", at="END")
    with short_passes_counted(monkeypatch) as short:
        padded_left.compare(beside_clean(padded_left, alike, view), 6)
    assert short


def test_its_prompts_are_shortened_to_the_tokens_that_change(padded_left, alike, monkeypatch):
    view = padded_left.model.ablate("L2H1", kind="zero", at="END")
    padded_left.forget()
    with short_passes_counted(monkeypatch) as short:
        padded_left.fast(beside_clean(padded_left, alike, view), 6)
    assert [shortcut.start > 0 for _, shortcut in short] == [True]


@pytest.fixture
def bridge(tmp_path):
    from transformer_lens.model_bridge import TransformerBridge

    folder = save_tiny_gpt2(tmp_path / "own", seed=4)

    def made():
        inner = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
        inner.lm_head.weight = torch.nn.Parameter(inner.lm_head.weight.detach().clone(), requires_grad=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return TransformerBridge.boot_transformers(
                str(folder), hf_model=inner, tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu"
            )

    return made


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_word_without_a_finite_logit_leaves_no_value(bridge, alike, value):
    """Also where it is none of the words that are compared."""
    own = bridge()
    with torch.no_grad():
        own.original_model.lm_head.weight[5].fill_(value)
    with cc.use_session(cc.Session()) as session:
        one = TwoWays(session, cc.load(own))
        plan = beside_clean(one, alike, one.model.ablate("L2H1", kind="zero", at="END"))
        one.compare(plan, 6)


def test_two_objects_of_equal_weights_with_other_forwards_share_no_recording(bridge, alike):
    """An object whose code somebody changed, beside the one that it was copied from."""
    one, other = bridge(), bridge()
    other.original_model.transformer.h[0].mlp.forward = lambda value, *_, **__: value * 0
    with cc.use_session(cc.Session()) as session:
        found = []
        for each in (one, other, one):
            model = cc.load(each)
            two = TwoWays(session, model, session.engine._recordings)
            views = [model.ablate(f"L2H{head}", kind="zero", at="END") for head in range(4)]
            plan = two.plan(alike, *((view, cc.logit_diff()) for view in views))
            found.append(two.compare(plan, 6).values)
    np.testing.assert_array_equal(found[0], found[2])
    assert np.abs(found[0] - found[1]).max() > 1e-3
