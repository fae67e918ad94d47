"""A model of which a way of shortening passes gives other numbers is run without that way, and one notice says so.

How it could be fooled: the check reads what both sides get wrong alike; it is made once, on prompts that are too short to
show it; what it found of one model, or of one length, is taken for another's."""

from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch
from spies import counted, short_passes_counted

import circuitcheck as cc
from circuitcheck.engine.torch.shortened import frozen, parity

N = 4


@pytest.fixture
def said(monkeypatch):
    """The notices of a process that has met no model yet."""
    found = []
    monkeypatch.setattr(parity, "_proven", WeakKeyDictionary())
    monkeypatch.setattr(parity, "say_once", found.append)
    return found


@pytest.fixture
def gpt2(two_ways, said):
    found = two_ways("gpt2")
    found.recordings.drop(lambda key: True)
    yield found
    found.recordings.drop(lambda key: True)


@pytest.fixture
def model(gpt2):
    return gpt2.loaded.model


@pytest.fixture
def put(monkeypatch):
    """put(module, make): its forward is what `make` makes of its own, until the test is over."""
    held = []

    def replace(module, make):
        honest = module.forward
        vars(module)["forward"] = make(honest)
        held.append(module)

    yield replace
    for module in reversed(held):
        vars(module).pop("forward", None)


@pytest.fixture
def ways(gpt2, alike):
    """What is found of a model, once a plan has given the same both ways."""

    def run(task=alike):
        view = gpt2.model.ablate("L2H1", kind="zero", at="END")
        other = gpt2.model.patch("L1.mlp", source="abc", at="END")
        plan = gpt2.plan(task, *((each, cc.logit_diff()) for each in (gpt2.model, view, other)))
        whole, fast = gpt2.whole(plan, N), gpt2.fast(plan, N)
        np.testing.assert_allclose(fast.values, whole.values, rtol=1e-5, atol=1e-4)
        longest = max(len(prompt.tokens) for prompt in task.prompts(N, model=gpt2.model))
        found = parity._proven[gpt2.loaded.model].ways[max(16, 1 << (longest - 1).bit_length())]
        return found.answers, found.layers, found.tokens

    return run


def test_a_healthy_model_is_shortened_in_all_ways_and_nothing_is_said(ways, said):
    assert ways() == (True, True, True)
    assert said == []


def ignoring_the_cache(honest, unless=lambda tokens, past: False):
    """What a model does whose attention knows no keys but those of the tokens that it is given."""

    def forward(tokens, **how):
        past = how.get("past_key_values")
        seen = past.get_seq_length() if past is not None else 0
        if seen and not unless(tokens, seen):
            how = {name: value for name, value in how.items() if name not in ("past_key_values", "use_cache")}
        return honest(tokens, **how)

    return forward


def test_a_model_that_ignores_the_keys_of_earlier_tokens(model, put, ways, said):
    put(model, ignoring_the_cache)
    assert ways() == (True, True, False)
    (notice,) = said
    assert "passes are not shortened by tokens" in notice


def test_a_model_that_refuses_a_cache(model, put, ways, said):
    def without(honest):
        def forward(tokens, *, return_type, prepend_bos):
            return honest(tokens, return_type=return_type, prepend_bos=prepend_bos)

        return forward

    put(model, without)
    assert ways() == (True, True, False)
    assert len(said) == 1


def test_a_model_that_keeps_a_window_of_keys_alone(model, put, ways, said):
    """Its cache holds fewer keys than there were tokens."""

    def forgetful(honest):
        def forward(tokens, **how):
            found = honest(tokens, **how)
            past = how.get("past_key_values")
            for layer in past.layers if past is not None and tokens.shape[1] > 1 else ():
                if getattr(layer, "keys", None) is not None and type(layer).__name__ == "DynamicLayer":
                    layer.keys, layer.values = layer.keys[..., -4:, :], layer.values[..., -4:, :]
            return found

        return forward

    put(model, forgetful)
    assert ways() == (True, True, False)


def test_a_layer_whose_output_depends_on_how_many_rows_there_are(model, put, ways, said):
    def by_rows(honest):
        return lambda stream, *given, **how: honest(stream, *given, **how) * (1 + 0.01 * len(stream))

    put(model.blocks[1].mlp, by_rows)
    assert ways() == (False, False, False)
    (notice,) = said
    assert "answers or layers or tokens" in notice


def test_an_unembedding_that_looks_at_all_words(model, put, ways, said):
    put(model.unembed, lambda honest: lambda *given, **how: honest(*given, **how).log_softmax(dim=-1))
    assert ways() == (False, True, True)
    (notice,) = said
    assert "passes are not shortened by answers" in notice


def test_an_unembedding_that_looks_at_all_tokens(model, put, ways, said):
    def centred(honest):
        def forward(stream, *given, **how):
            return honest(stream - stream.mean(dim=1, keepdim=True), *given, **how)

        return forward

    put(model.unembed, centred)
    assert ways() == (False, True, False)


def test_a_layer_that_hands_something_past_the_residual_stream(model, put, ways, said):
    """What the first layer saw comes back in the last."""
    held = []

    def holding(honest):
        def forward(stream, *given, **how):
            held[:] = [stream]
            return honest(stream, *given, **how)

        return forward

    def adding(honest):
        def forward(stream, *given, **how):
            return honest(stream + held[0] if held[0].shape == stream.shape else stream, *given, **how)

        return forward

    put(model.blocks[0], holding)
    put(model.blocks[2], adding)
    _, layers, tokens = ways()
    assert (layers, tokens) == (False, False)
    assert len(said) == 1


def long_prompts_alone(limit):
    """A window that short prompts fit in."""
    return lambda honest: ignoring_the_cache(honest, unless=lambda tokens, past: tokens.shape[1] + past <= limit)


def test_longer_prompts_are_tried_again(model, put, ways, said, alike, longer, gpt2):
    short_ones = max(len(prompt.tokens) for prompt in alike.prompts(N, model=gpt2.model))
    long_ones = max(len(prompt.tokens) for prompt in longer.prompts(N, model=gpt2.model))
    assert 2 * short_ones < long_ones
    put(model, long_prompts_alone(2 * short_ones))
    assert ways(alike) == (True, True, True)
    assert said == []
    assert ways(longer) == (True, True, False)
    assert len(said) == 1


def test_prompts_somewhat_longer_than_those_at_hand_are_tried_with_them(model, put, ways, alike, gpt2):
    put(model, long_prompts_alone(2 + max(len(prompt.tokens) for prompt in alike.prompts(N, model=gpt2.model))))
    assert ways() == (True, True, False)


def test_prompts_of_a_length_that_was_tried_are_not_tried_again(ways, alike, longer, monkeypatch):
    ways(longer)
    monkeypatch.setattr(parity, "_tried", None)
    ways(longer)


def test_a_way_that_fails_on_short_prompts_stays_off_for_them(model, put, ways, alike, longer, gpt2):
    """Also once longer prompts were tried, on which it works."""
    limit = 2 * max(len(prompt.tokens) for prompt in alike.prompts(N, model=gpt2.model))
    put(model, lambda honest: ignoring_the_cache(honest, unless=lambda tokens, past: tokens.shape[1] + past > limit))
    assert ways(alike) == (True, True, False)
    ways(longer)
    assert ways(alike) == (True, True, False)


def test_a_plan_gives_its_bits_again_after_longer_prompts_failed(model, put, gpt2, alike, longer):
    limit = 2 * max(len(prompt.tokens) for prompt in alike.prompts(N, model=gpt2.model))
    put(model, long_prompts_alone(limit))
    views = [gpt2.model, *(gpt2.model.ablate(site, kind="zero", at="END") for site in ("L2H1", "L1.mlp"))]
    plan, other = (gpt2.plan(task, *((view, cc.probability()) for view in views)) for task in (alike, longer))
    before = gpt2.fast(plan, N).values
    gpt2.fast(other, N)
    np.testing.assert_array_equal(gpt2.fast(plan, N).values, before)


def test_with_no_way_left_everything_is_run_whole(model, put, gpt2, alike, monkeypatch):
    put(model.blocks[1].mlp, lambda honest: lambda stream, *a, **how: honest(stream, *a, **how) * (1 + 0.01 * len(stream)))
    view = gpt2.model.ablate("L2H1", kind="zero", at="END")
    plan = gpt2.plan(alike, (gpt2.model, cc.logit_diff()), (view, cc.logit_diff()))
    gpt2.fast(plan, N)
    with counted(model) as seen, short_passes_counted(monkeypatch) as short:
        gpt2.fast(plan, N)
    assert short == []
    assert [len(each) for each in seen.values()] == [2, 2, 2]
    assert len(gpt2.recordings) == 0


def test_without_tokens_a_pass_starts_at_the_first(model, put, gpt2, alike, monkeypatch):
    put(model, ignoring_the_cache)
    view = gpt2.model.ablate("L2H1", kind="zero", at="END")
    plan = gpt2.plan(alike, (gpt2.model, cc.logit_diff()), (view, cc.logit_diff()))
    with short_passes_counted(monkeypatch) as short:
        np.testing.assert_allclose(gpt2.fast(plan, N).values, gpt2.whole(plan, N).values, rtol=1e-5, atol=1e-4)
    assert [(shortcut.layer, shortcut.start) for _, shortcut in short] == [(2, 0)]


@pytest.mark.parametrize("sender_layer_reaches", [True, False])
def test_frozen_layers_that_do_more_than_add_are_run(model, put, gpt2, alike, monkeypatch, sender_layer_reaches):
    """One that takes a share of the stream away besides."""
    monkeypatch.setattr(frozen, "_known", WeakKeyDictionary())
    if sender_layer_reaches:
        put(model.blocks[1], lambda honest: lambda stream, *a, **how: _less(honest(stream, *a, **how), stream))
    senders = [gpt2.model.patch_path(f"L0H{head}", into="L2H2.q", source="abc", at="END") for head in range(2)]
    plan = gpt2.plan(alike, *((view, cc.logit_diff()) for view in (gpt2.model, *senders)))
    with short_passes_counted(monkeypatch) as short:
        np.testing.assert_allclose(gpt2.fast(plan, N).values, gpt2.whole(plan, N).values, rtol=1e-5, atol=1e-4)
    assert {shortcut.frozen for _, shortcut in short} == ({()} if sender_layer_reaches else {(), (1,)})


def _less(output, stream):
    return (output[0] - 0.3 * stream, *output[1:]) if isinstance(output, tuple) else output - 0.3 * stream


def test_numbers_that_are_not_finite_are_compared_too():
    there, lost = torch.tensor([1.0, float("inf")]), torch.tensor([1.0, 2.0])
    assert parity.close(there, there)
    assert not parity.close(there, lost)
    assert not parity.close(lost, there)


@pytest.mark.parametrize(
    "prompts, tried",
    [
        ([(2, 8), (3, 20), (1, 40)], [2, 1, 1]),
        ([(1, 8), (3, 20), (3, 40)], [1, 2, 1]),  # nothing was side by side in the first
    ],
)
def test_prompts_are_tried_side_by_side_once(model, said, monkeypatch, prompts, tried):
    seen, honest = [], parity._tried
    monkeypatch.setattr(parity, "_tried", lambda *given: (seen.append(len(given[2])), honest(*given))[1])
    for shape in prompts:
        assert parity.ways_of(model, "a model", torch.ones(shape, dtype=torch.long), 64).tokens
    assert seen == tried
