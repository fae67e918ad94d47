"""What tests of scopes share: sessions kept by their settings, planted models by their templates, template means."""

from dataclasses import replace

import numpy as np

import circuitcheck as cc
from circuitcheck.selftest.noise import Noise
from circuitcheck.selftest.planted import plant


class Sessions:
    """`with sessions(samples=32): ...`: one session for each kind of settings, so that nothing is measured twice."""

    def __init__(self, engine):
        self._engine, self._made = engine, {}

    def __call__(self, scope="new_templates", **changes):
        key = (scope, *sorted(changes.items()))
        if key not in self._made:
            self._made[key] = cc.Session(cc.Settings(scope=scope, **changes), make_engine=lambda _: self._engine)
        return cc.use_session(self._made[key])


class PlantedModels:
    """planted(8): effects of 1 and 0.5 that vary by 0.6 from template to template, and by 0.3 inside one."""

    def __init__(self, folder):
        self._folder, self._made = folder, {}

    def __call__(self, templates=8):
        if templates not in self._made:
            found = plant(
                self._folder / f"{templates}",
                effects=(1.0, 0.5),
                noise=Noise("normal", 0.3),
                template_spread=0.6,
                templates=templates,
            )
            self._made[templates] = replace(found, effects=found.effects.on_stream("test"))
        return self._made[templates]


def drop(planted, head="L1H2"):
    model = cc.load(str(planted.folder))
    return planted.effects.logit_diff(model) - planted.effects.logit_diff(model.ablate(head, kind="zero", at="END"))


def labels(quantity, n):
    """Of the first `n` prompts: templates, and values of the second cluster."""
    task, tokenizer = quantity.prompts.task, cc.current_session().engine.tokenizer(quantity.models[0])
    found = task.labels(tokenizer, seed=0, stream="test", rows=range(n))
    return np.array([each.template for each in found]), np.array([each.second for each in found])


def means_over(values, names):
    return np.array([values[names == name].mean() for name in sorted(set(names))])


def ends(found):
    return found.low, found.high


def wants_templates(decision):
    return any("more templates, not more prompts" in note for note in decision.notes)
