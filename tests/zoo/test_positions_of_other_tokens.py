"""Positions that mean other tokens: a second BOS, a key/value cache."""

import json

import pytest
from small_tasks import names
from torch import nn

import circuitcheck as cc
from circuitcheck.engine.torch.loading.tokenizer import HubTokenizer
from circuitcheck.errors import (
    BadRecord,
    BadTask,
    CircuitCheckError,
    EmptyPool,
    SiteNotReached,
    UnsoundModel,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ZERO_AT_END = {"kind": "zero", "at": "END"}


# Positions that mean other tokens: a second BOS


def test_a_second_bos_in_the_text(model):
    with pytest.raises(BadTask, match=r"already holds the BOS '<\|endoftext\|>'"):
        names({"met": "<|endoftext|>Then {A} met {B} and"}).logit_diff(model).values(2)


def test_a_second_bos_in_records(model, tmp_path):
    rows = [{"text": f"<|endoftext|>Then {name} met", "answer": " Mary", "distractor": " John"} for name in ("Tom", "James")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = cc.Task.from_records(tmp_path / "rows.jsonl").on_stream("test")
    with pytest.raises((BadTask, BadRecord), match=r"already holds the BOS '<\|endoftext\|>'|0 prompts"):
        task.logit_diff(model).values(1)
    assert "already holds the BOS" in str(task.explain(model))


def test_a_second_bos_that_the_tokenizer_adds(with_doctor, tiny_gpt2, measure, monkeypatch):
    """Two places that each see to it that there is one."""
    once = HubTokenizer._with_bos
    monkeypatch.setattr(HubTokenizer, "_with_bos", lambda self, encoding: once(self, once(self, encoding)))
    model = cc.load(str(tiny_gpt2), bos="always")
    with pytest.raises(UnsoundModel, match="a prompt starts with one BOS"):
        measure(model.ablate("L1H2", **ZERO_AT_END))


def test_a_slow_tokenizer_that_adds_a_bos_whatever_it_is_told(bridge, measure):
    kind = type(bridge.tokenizer)

    class Eager(kind):
        is_fast = False

        def __call__(self, text, **arguments):
            found = super().__call__(text, **arguments)
            found["input_ids"] = [self.bos_token_id, *found["input_ids"]]
            return found

    bridge.tokenizer.__class__ = Eager
    with pytest.raises((BadTask, EmptyPool), match=r"endoftext|BOS"):
        measure(cc.load(bridge).ablate("L1H2", **ZERO_AT_END))


class WithBos:
    """What prompt tuning does, or a wrapper that was too careful."""

    def __init__(self, forward):
        self.inner = forward

    def __call__(self, tokens, **arguments):
        return self.inner(nn.functional.pad(tokens, (1, 0), value=0), **arguments)


def test_a_model_that_prepends_a_bos_of_its_own_to_tokens(hooked_transformer, measure):
    """Logits at END would be those of the token before: numbers like any others."""
    hooked_transformer.forward = WithBos(hooked_transformer.forward)
    with pytest.raises(
        SiteNotReached, match=r"logits for \(1, 3\) prompts and tokens, and was given \(1, 2\).*BOS of its own"
    ):
        measure(cc.load(hooked_transformer))


# A key/value cache: hooks see only the last tokens


def cached(model, prefix):
    """The model's forward as generation runs it: a prefix that was read before, unseen by hooks, and the tokens after it."""
    from transformer_lens.cache.key_value_cache import TransformerLensKeyValueCache

    forward = model.forward

    def forward_with_cache(tokens, **arguments):
        if tokens.shape[1] < 4:
            return forward(tokens, **arguments)
        cache = TransformerLensKeyValueCache.init_cache(model.cfg, "cpu", tokens.shape[0])
        count = tokens.shape[1] - 1 if prefix == "all but the last" else prefix
        hooks = {point: (point._forward_hooks.copy(), point._forward_hooks.clear()) for point in model.hook_dict.values()}
        forward(tokens[:, :count], past_kv_cache=cache, **arguments)
        for point, (kept, _) in hooks.items():
            point._forward_hooks.update(kept)
        return forward(tokens[:, count:], past_kv_cache=cache, **arguments)

    model.forward = forward_with_cache
    return cc.load(model)


@pytest.mark.parametrize("prefix", ["all but the last", 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda model: model.ablate("L1H2", kind="zero", at="END"),
        lambda model: model.ablate("L1H2", kind="mean", n=64),
        lambda model: model.patch("L1H2", source="abc", at="S1"),
        lambda model: model.patch("L1H2.pattern", source="abc", at="END"),
        lambda model: model.knock_out_attention("L1H2", query="END", key="S2"),
    ],
)
@pytest.mark.sampled(3)
def test_generation_with_a_cache(hooked_transformer, measure, prefix, make):
    with pytest.raises(SiteNotReached, match=r"generating with a cache|generate with a cache"):
        measure(make(cached(hooked_transformer, prefix)))


@pytest.mark.parametrize("prefix", ["all but the last", 3])
def test_reading_a_site_under_generation_with_a_cache(hooked_transformer, ioi, prefix):
    with pytest.raises(SiteNotReached, match=r"generate with a cache"):
        ioi.metric(cc.norm("L1.resid_post", at="S1"), cached(hooked_transformer, prefix)).values(8)


@pytest.mark.parametrize("prefix", ["all but the last", 3])
def test_logits_under_generation_with_a_cache(hooked_transformer, measure, prefix):
    with pytest.raises(CircuitCheckError, match=r"tokens"):
        measure(cached(hooked_transformer, prefix))
