"""`kind="resample"`: who the donor is, and that what is put in is the donor's own value.

The donor is found by brute force: of all prompts of the reference stream, run through plain `transformers` with hooks, exactly
one gives what was measured.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import GPT2LMHeadModel

import circuitcheck as cc
from circuitcheck.errors import BadIntervention, BadTask, CircuitCheckError

NEURONS = ((0, 3), (1, 7))
WORDS = "L0.mlp[3], L1.mlp[7]"
N = 32


@pytest.fixture(scope="module")
def network(tiny_gpt2):
    return GPT2LMHeadModel.from_pretrained(tiny_gpt2, attn_implementation="eager").eval().requires_grad_(False)


class Hooked:
    """A run with `changes` ({(layer, place): function of the value}), and the values that came to these places."""

    def __init__(self, network, tokens, changes=()):
        self.values, changes, handles = {}, dict(changes), []

        def at(place):
            def change(value):
                new = changes[place](value) if place in changes else value
                self.values[place] = new.clone()
                return new

            return change

        for layer, block in enumerate(network.transformer.h):
            z, neurons, attention, mlp = (at((layer, name)) for name in ("z", "neurons", "attn_out", "mlp_out"))
            handles += [
                block.attn.c_proj.register_forward_pre_hook(lambda _, inputs, f=z: (f(inputs[0]),)),
                block.mlp.c_proj.register_forward_pre_hook(lambda _, inputs, f=neurons: (f(inputs[0]),)),
                block.attn.register_forward_hook(lambda _, __, out, f=attention: (f(out[0]), *out[1:])),
                block.mlp.register_forward_hook(lambda _, __, out, f=mlp: f(out)),
            ]
        try:
            self.logits = network(tokens, use_cache=False).logits
        finally:
            for handle in handles:
                handle.remove()


def neurons_at_end(network, prompts):
    """[prompt, neuron]: NEURONS in untouched runs."""
    found = np.empty((len(prompts), len(NEURONS)))
    for length in {len(prompt.tokens) for prompt in prompts}:
        rows = [row for row, prompt in enumerate(prompts) if len(prompt.tokens) == length]
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            values = Hooked(network, torch.tensor([prompts[row].tokens for row in some])).values
            ends = [prompts[row].end for row in some]
            for column, (layer, neuron) in enumerate(NEURONS):
                found[some, column] = values[layer, "neurons"][range(len(some)), ends, neuron].numpy()
    return found


class Found:
    """For each of the first `n` prompts of a task's stream, its donor among the first `pool` of the reference stream."""

    def __init__(self, network, task, model, n=N, pool=256, **options):
        view = model.ablate(WORDS, kind="resample", at="END", **options)
        seed = cc.current_session().settings.seed
        metrics = [cc.activation(f"L{layer}.mlp[{neuron}]", at="END") for layer, neuron in NEURONS]
        cells = [cell for metric in metrics for cell in task.measure(metric, view).cells]
        measured = cc.current_session().measure(task.definition, cells, task.stream, seed, range(n)).values.T
        self.prompts = task.sample(n, model=model, seed=seed)
        self.reference = task.sample(pool, model=model, seed=seed, stream="reference")
        own = neurons_at_end(network, self.prompts)
        theirs = neurons_at_end(network, self.reference)
        self.donors = [self._only(row, theirs) for row in measured]
        self.changed = np.abs(measured - own).max(1) > 1e-4

    def _only(self, row, theirs):
        close = np.flatnonzero((np.abs(theirs - row) < 2e-5).all(1))
        assert len(close) == 1, f"{len(close)} reference prompts have these values"
        return self.reference[close[0]]

    @property
    def indices(self):
        return [donor.index for donor in self.donors]

    def pairs(self):
        return list(zip(self.prompts, self.donors, strict=True))

    def ranks(self):
        """[prompt]: the donor's number among those that fit, and how many fit."""
        found = []
        for prompt, donor in self.pairs():
            fitting = [each.index for each in self.reference if each.template == prompt.template]
            found.append((fitting.index(donor.index), len(fitting)))
        return found


@pytest.mark.parametrize("n", [32, 64, 256, None])
def test_donors_are_among_the_first_n_of_the_reference_stream(network, ioi, model, n):
    found = Found(network, ioi, model, pool=n or 256, n=64, **({} if n is None else {"n_": n}) if False else _n(n))
    assert max(found.indices) >= (n or 256) // 2
    assert found.changed.all()


def _n(n):
    return {} if n is None else {"of": n}
