"""What is kept of untouched passes changes no value: not how much of it is kept, nor what was measured before."""

import warnings

import numpy as np
import pytest
import torch
from spies import short_passes_counted
from tiny import save_tiny_gpt2

import circuitcheck as cc
from circuitcheck.engine.torch.running.model_runs import Recordings
from circuitcheck.errors import ModelChanged

N = 9


@pytest.fixture(scope="module")
def gpt2(two_ways):
    return two_ways("gpt2")


def plan_of(one, task, *sites, metric=None, batch=4, base=None):
    model = one.model if base is None else one.model.on(base)
    views = [model, *(model.ablate(site, kind="zero", at="END") for site in sites)]
    return one.plan(task, *((view, metric or cc.logit_diff()) for view in views), batch=batch)


@pytest.mark.parametrize("budget", [0, 1, 30_000])
def test_a_small_budget_gives_the_same_bits(gpt2, task, budget):
    plan = plan_of(gpt2, task, "L2H1", "L1.mlp")
    little = Recordings(budget, lambda each: each.bytes)
    np.testing.assert_array_equal(gpt2.run(plan, N, little).values, gpt2.fast(plan, N).values)
    assert little.bytes <= budget


def test_a_recording_takes_what_it_says(gpt2, alike):
    gpt2.forget()
    gpt2.fast(plan_of(gpt2, alike, "L2H1", batch=N), N)
    ((key, recording),) = gpt2.recordings._held.items()
    rows, width = key[1]
    assert recording.bytes == gpt2.recordings.bytes == 4 * rows * width * 32 * 3 * 3  # a stream, keys, values a layer


def test_a_plan_gives_its_bits_whatever_ran_before(gpt2, task):
    plan, rows = plan_of(gpt2, task, "L2H1", "L1.mlp", "L1H0"), range(N)
    gpt2.forget()
    first = gpt2.fast(plan, N).values
    others = [
        plan_of(gpt2, task, "L1H3", metric=cc.accuracy()),
        plan_of(gpt2, task, "L2H2", base="abc"),
        plan_of(gpt2, task, "L2.mlp", metric=cc.norm("L0.resid_post", at="END"), batch=3),
        plan_of(gpt2, task, "L2.mlp", metric=cc.kl_from_clean()),
    ]
    for other in others:
        gpt2.fast(other, len(rows))
        np.testing.assert_array_equal(gpt2.fast(plan, N).values, first)


def test_a_plan_without_the_untouched_run_gives_the_bits_it_has_beside_nothing_kept(gpt2, alike):
    views = [gpt2.model.ablate(f"L2H{head}", kind="zero", at="END") for head in range(4)]
    plan = gpt2.plan(alike, *((view, cc.logit_diff()) for view in views))
    gpt2.forget()
    first = gpt2.fast(plan, N).values
    np.testing.assert_array_equal(gpt2.fast(plan, N).values, first)


@pytest.fixture
def bridge(words, tmp_path):
    """A model object of the user's."""
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = save_tiny_gpt2(tmp_path / "own", seed=3)
    inner = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return TransformerBridge.boot_transformers(
            str(folder), hf_model=inner, tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu"
        )


def four_heads(alike, model):
    """A plan that starts from what is kept, where it is."""
    views = [model.ablate(f"L2H{head}", kind="zero", at="END") for head in range(4)]
    return [alike.logit_diff(view) for view in views]


def measured(alike, model, engine):
    """In a session that has measured nothing yet."""
    with cc.use_session(cc.Session(make_engine=lambda _: engine)) as session:
        cells = [cell for quantity in four_heads(alike, model) for cell in quantity.cells]
        return session.measure(four_heads(alike, model)[0].prompts, cells, range(N)).values


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_that_changed_are_an_error_and_no_recording_of_theirs_is_used(bridge, alike, kept):
    engine = kept.engine
    first = measured(alike, cc.load(bridge), engine)
    model = cc.load(bridge)
    with torch.no_grad():
        bridge.original_model.transformer.h[0].mlp.c_proj.weight.mul_(1.5)
    with pytest.raises(ModelChanged, match="weights"):
        measured(alike, model, engine)
    now = measured(alike, cc.load(bridge), engine)
    assert (now != first).all()
    with cc.use_session(cc.Session(cc.Settings(fast="off"))) as session:
        whole = measured(alike, cc.load(bridge), session.engine)
    np.testing.assert_allclose(now, whole, rtol=1e-5, atol=1e-4)


def test_another_model_s_recording_of_the_same_tokens_is_not_taken(gpt2, words, alike, tmp_path, kept):
    """Of the same shape, with the same tokenizer, in one engine."""
    models = [cc.load(str(save_tiny_gpt2(tmp_path / f"seed{seed}", seed))) for seed in (5, 6)]
    one, other = (measured(alike, model, kept.engine) for model in models)
    again = measured(alike, models[0], kept.engine)
    np.testing.assert_array_equal(again, one)
    with cc.use_session(cc.Session(cc.Settings(fast="off"))) as session:
        for model, found in zip(models, (one, other), strict=True):
            whole = measured(alike, cc.load(model.ref.spec), session.engine)
            np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-4)
    assert np.abs(one - other).max() > 0.1


def test_a_recording_of_fewer_tokens_or_rows_is_not_taken(gpt2, task):
    """A batch's key is its tokens, not their sum or their number."""
    plan = plan_of(gpt2, task, "L2H1", "L2H2", "L1.mlp", batch=2)
    expected = gpt2.whole(plan, N).values
    gpt2.forget()
    for rows in (2, 3, 5, N):
        np.testing.assert_allclose(gpt2.fast(plan, rows).values, expected[:, :rows], rtol=1e-5, atol=1e-4)


def test_an_engine_that_is_not_fast_keeps_nothing_and_shortens_nothing(gpt2, alike, monkeypatch):
    for fast, shortened in (("on", True), ("off", False)):
        with cc.use_session(cc.Session(cc.Settings(fast=fast))) as session, short_passes_counted(monkeypatch) as short:
            model = cc.load(gpt2.model.ref.spec)
            measured(alike, model, session.engine)
            assert bool(short) == bool(len(session.engine._recordings)) == shortened
