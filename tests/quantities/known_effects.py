"""An engine that runs no model: what ablating each head takes away is known, and every plan is kept."""

from dataclasses import replace

import numpy as np

from circuitcheck.engine.protocol import Receipt, Table
from circuitcheck.places import unit_of

BATCH = 32


class KnownEffects:
    """Models, tokenizers and prompts are those of `inner`. A prompt's number is `base` minus what each ablated head has in
    `effect(head, row, seed)`, plus `drift` in any batch size but the usual one; `heads` pretends that layers have so many.
    """

    def __init__(self, inner, effect, *, heads=None, base=5.0, drift=0.0):
        self._inner, self._effect, self._heads, self._base, self._drift = inner, effect, heads, base, drift
        self.runs = []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def load(self, *args, **kwargs):
        return self._pretend(self._inner.load(*args, **kwargs))

    def card(self, ref):
        return self._pretend(self._inner.card(ref))

    def _pretend(self, card):
        heads = self._heads or card.architecture.n_heads
        return replace(card, architecture=replace(card.architecture, n_heads=heads, n_key_value_heads=heads))

    def run(self, plan, rows):
        self.runs.append((rows, plan))
        base = self._base + self._drift * (plan.batch != BATCH)
        values = [[base - self._taken(cell.view, row, plan.prompts.seed) for row in rows] for cell in plan.cells]
        receipts = tuple(tuple(_proof(cell.view, each, rows) for each in cell.view.interventions) for cell in plan.cells)
        return Table(np.array(values, float), receipts, len(plan.cells) * len(rows))

    def _taken(self, view, row, seed):
        return sum(self._effect(head, row, seed) for head in heads_of(view))


def heads_of(view):
    """Every head that an intervention of the view is on, each once."""
    return sorted({unit_of(site) for intervention in view.interventions for site in intervention.sites})


def sets_run(runs):
    """The head sets of the views that were run, each once, in the order in which they came."""
    return list(dict.fromkeys(tuple(heads_of(cell.view)) for _, plan in runs for cell in plan.cells))


def _proof(view, intervention, rows):
    return Receipt(intervention.digest, str(view.model), view.describe(), intervention.describe(), (), (1.0,) * len(rows))
