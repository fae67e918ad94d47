"""Who the donor is, by brute force: of all prompts of the reference stream, run through plain `transformers` with hooks,
exactly one gives what was measured."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import torch

import circuitcheck as cc
from circuitcheck.prompts import PromptStream

NEURONS = ((0, 3), (1, 7))
WORDS = "L0.mlp[3], L1.mlp[7]"
SAME, OTHER = 1e-9, 1e-3  # everything here is in float64
IN_FLOAT64 = cc.Settings(batch=16, dtype="float64")


def elsewhere(**settings):
    """Another session, which has measured nothing."""
    return cc.use_session(cc.Session(replace(IN_FLOAT64, **settings)))


class Hooked:
    """A run with `changes`, {(layer, place): function of the value}, and the values that places then have."""

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


def what_neurons_are(task, view, prompts):
    """[prompt, neuron]: NEURONS at END in a view, on the first `prompts` prompts."""
    metrics = [cc.activation(f"L{layer}.mlp[{neuron}]", at="END") for layer, neuron in NEURONS]
    cells = [cell for metric in metrics for cell in task.metric(metric, view).cells]
    session = cc.current_session()
    return session.measure(PromptStream(task.definition, task.stream, session.settings.seed), cells, range(prompts)).values.T


@cache
def reference_of(network, task, model, seed, pool):
    """The first `pool` prompts of the reference stream, and what NEURONS are in them."""
    prompts = task.prompts(pool, model=model, seed=seed, stream="reference")
    return prompts, neurons_at_end(network, prompts)


class Found:
    """For each of the first prompts of a task's stream, its donor among the first `pool` of the reference stream."""

    def __init__(self, network, task, model, prompts=32, pool=256, base="clean", **options):
        view = model if base == "clean" else model.on(base)
        measured = what_neurons_are(task, view.ablate(WORDS, kind="resample", at="END", **options), prompts)
        seed = cc.current_session().settings.seed
        self.prompts = task.prompts(prompts, model=model, seed=seed, stream=task.stream)
        self.reference, theirs = reference_of(network, task, model, seed, pool)
        self.donors = [self._only(row, theirs) for row in measured]
        self.changed = np.abs(measured - neurons_at_end(network, self.prompts)).max(1) > OTHER

    def _only(self, row, theirs):
        close = np.flatnonzero((np.abs(theirs - row) < SAME).all(1))
        assert len(close) == 1, f"{len(close)} reference prompts have the values that were put in"
        return self.reference[close[0]]

    @property
    def indices(self):
        return [donor.index for donor in self.donors]

    def pairs(self):
        return list(zip(self.prompts, self.donors, strict=True))

    def fitting(self, prompt, slots=()):
        """Those of the reference stream that may be a prompt's donor, by the words of the docstring."""
        return [
            each
            for each in self.reference
            if each.template == prompt.template
            and {name: len(where) for name, where in each.positions.items()}
            == {name: len(where) for name, where in prompt.positions.items()}
            and all(each.slots[slot] == prompt.slots[slot] for slot in slots)
            and each.tokens != prompt.tokens
        ]


def case_of(ioi, prompt):
    slots = prompt.slots
    return ioi.case(prompt.template, io=slots["IO"], s=slots["S1"], place=slots["place"], object=slots["object"])


def records(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return cc.Task.from_records(path).on_stream("test")


def row_of(prompt, stream, template=None, **more):
    row = {"text": prompt.text, "answer": prompt.answer, "distractor": prompt.distractor, "stream": stream, **more}
    return row | ({} if template is None else {"template": template})


def resampled(model, prompts=32, **options):
    task = cc.tasks.ioi().on_stream("test")
    return task.logit_diff(model.ablate(WORDS, kind="resample", at="END", **options)).values(prompts)
