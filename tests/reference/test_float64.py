"""Where `transformers` leaves float64, and that this is all there is between it and TransformerLens."""

import numpy as np
import torch
from sites_bench import Bench, N

import circuitcheck as cc


def differences(bench, logits_of):
    """[prompt]: logit differences at END."""
    ends = [logits_of(bench.tokens(prompt))[0, prompt.end] for prompt in bench.prompts]
    return np.array(
        [float(end[each.answer_id] - end[each.distractor_id]) for end, each in zip(ends, bench.prompts, strict=True)]
    )


def test_one_softmax_is_all_that_a_neox_in_float64_differs_by(folders):
    with cc.use_session(cc.Session(cc.Settings(batch=N))), torch.no_grad():
        bench = Bench(folders["neox"], "neox", "float64")
        found = bench.task.logit_diff(bench.model).values(N)
        exact = differences(bench, bench.plain.logits)
        del bench.plain._family.softmax  # back to the one with the cast
        cast = differences(bench, bench.plain.logits)
        by_transformers = differences(bench, lambda tokens: bench.plain._family.model(tokens).logits)
    assert np.abs(found - exact).max() < 1e-10
    assert np.abs(cast - by_transformers).max() < 1e-10
    assert 1e-10 < np.abs(found - cast).max() < 1e-5
