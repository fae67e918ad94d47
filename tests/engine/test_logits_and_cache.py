"""Tensors of a view, for who looks at a model: what a TransformerLens user asks for first.

How it could be fooled: logits of another token than END; values of another head, or of the run without interventions; a look
without the proof that a measurement has."""

import numpy as np
import pytest
import torch

import circuitcheck as cc
from circuitcheck.errors import (
    BadIntervention,
    BadTask,
    ModelChanged,
    UnknownCounterfactual,
    UnknownPosition,
    UnknownUnit,
    VacuousIntervention,
)


@pytest.fixture
def model(tiny_gpt2):
    return cc.load(str(tiny_gpt2))


@pytest.fixture
def prompts(model):
    return cc.tasks.ioi().prompts(6, model=model)


@pytest.fixture
def alike(prompts):
    """Those of one token count."""
    return [each for each in prompts if len(each.tokens) == len(prompts[0].tokens)]


def by_the_library(model, prompt):
    """Logits [pos, vocab] and every value of one prompt, as TransformerLens gives them."""
    with torch.no_grad():
        logits, cache = model.inner.run_with_cache(torch.tensor([prompt.tokens]), prepend_bos=False)
    model.inner.reset_hooks()
    return logits[0], cache


def test_logits_are_those_of_the_library_at_end(model, prompts):
    found = model.logits(prompts)
    assert (found.shape, found.dtype) == ((6, model.inner.cfg.d_vocab), torch.float32)
    for row, prompt in zip(found, prompts, strict=True):
        torch.testing.assert_close(row, by_the_library(model, prompt)[0][prompt.end])


def test_texts_are_read_at_their_last_token(model, prompts):
    torch.testing.assert_close(model.logits([each.text for each in prompts]), model.logits(prompts))
    torch.testing.assert_close(model.logits(prompts[0].text), model.logits(prompts[0]))


POINTS = {
    "L1H2": ("blocks.1.attn.hook_z", lambda value: value[:, 2]),
    "L0.z": ("blocks.0.attn.hook_z", lambda value: value),
    "L2H3.pattern": ("blocks.2.attn.hook_pattern", lambda value: value[3]),
    "L0.resid_post": ("blocks.0.hook_resid_post", lambda value: value),
    "L1.mlp[7]": ("blocks.1.mlp.out.hook_in", lambda value: value[:, 7]),
    "embed": ("hook_embed", lambda value: value),
}


def test_values_are_those_of_the_library(model, alike):
    found = model.cache(alike, list(POINTS))
    assert list(found) == list(POINTS)
    for row, prompt in enumerate(alike):
        cache = by_the_library(model, prompt)[1]
        for words, (point, part) in POINTS.items():
            torch.testing.assert_close(found[words][row], part(cache[point][0]))


def test_they_are_those_of_the_view(model, prompts, alike):
    ablated = model.ablate("L1H2", kind="zero")
    assert not ablated.cache(alike, "L1H2")["L1H2"].any()
    assert (ablated.logits(prompts) != model.logits(prompts)).any()
    pairs = [(each.answer_id, each.distractor_id) for each in prompts]
    logits = ablated.logits(prompts).double().numpy()
    measured = cc.tasks.ioi().logit_diff(ablated).values(6)
    by_hand = [row[one] - row[other] for row, (one, other) in zip(logits, pairs, strict=True)]
    np.testing.assert_allclose(by_hand, measured, atol=1e-6)


def test_counterfactuals_of_the_prompts_are_there(model, alike):
    patched = model.patch("L0.resid_pre", source="abc").logits(alike)
    torch.testing.assert_close(patched, model.on("abc").logits(alike))
    for view in (model.on("abc"), model.patch("L0.resid_pre", source="abc")):
        with pytest.raises(UnknownCounterfactual, match="needs the counterfactual abc, and these prompts have none"):
            view.logits("When Mary and John")


def test_a_look_has_the_proof_of_a_measurement(model, prompts):
    with pytest.raises(VacuousIntervention, match="changed none of 6 prompts"):
        model.patch("L1H2", source="clean", at="END").on("clean").logits(prompts)


@pytest.mark.parametrize(
    "look, error, words",
    [
        (lambda model, prompts: model.ablate("L1H2", kind="mean").logits(prompts), BadIntervention, "task.metric"),
        (lambda model, prompts: model.ablate("L1H2", kind="zero", at="S2").logits("a text"), UnknownPosition, "'S2'"),
        (lambda model, prompts: model.logits([]), BadTask, "is no prompt; expected prompts"),
        (lambda model, prompts: model.logits([3]), BadTask, "3 is no prompt"),
        (lambda model, prompts: model.logits(None), BadTask, "None is no prompt"),
        (lambda model, prompts: model.cache(prompts, "L9H9"), UnknownUnit, "L9H9 does not exist"),
        (
            lambda model, prompts: model.cache(["one", "one two three four"], "L1H2"),
            BadTask,
            r"of prompts with equally many",
        ),
    ],
)
def test_what_cannot_be_looked_at_is_refused(model, prompts, look, error, words):
    with pytest.raises(error, match=words):
        look(model, prompts)


def test_who_changes_the_model_that_runs_is_found_out(model, prompts):
    block = model.inner.blocks[0]
    with torch.no_grad():
        next(block.parameters()).mul_(1.5)
    with pytest.raises(ModelChanged):
        model.logits(prompts)
