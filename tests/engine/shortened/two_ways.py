"""One plan run both ways on one loaded model: every pass whole, which is the reference, and with the fast strategies."""

from dataclasses import dataclass, field

import numpy as np
import torch

import circuitcheck as cc
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.running.model_runs import Recordings
from circuitcheck.engine.torch.running.run import Run
from circuitcheck.plan import Plan
from circuitcheck.prompts import PromptStream

ABSOLUTE, RELATIVE = 1e-4, 1e-5  # of values in float32, where logits are of order 10
OF_RECEIPTS = 1e-5  # of relative changes: see test_receipts_of_nothing
BUDGET = 1 << 26
LOOSE = {"rank": 1}  # ranks of words whose logits rounding can exchange


@dataclass(repr=False)
class TwoWays:
    """`recordings` are kept from plan to plan, as an engine keeps them."""

    session: cc.Session
    model: cc.Model
    recordings: Recordings = field(default_factory=lambda: Recordings(BUDGET, lambda each: each.bytes))

    @property
    def loaded(self) -> LoadedModel:
        return self.session.engine._pool.get(self.model.ref, "cpu")

    def plan(self, task, *measured, batch=32):
        """Of pairs of a view and a metric."""
        with cc.use_session(self.session):
            cells = [cell for view, metric in measured for cell in task.metric(metric, view).cells]
        return Plan(self.model.ref, PromptStream(task.definition, "test", 0), tuple(cells), batch)

    def run(self, plan, rows, recordings):
        engine = self.session.engine
        run = Run(self.loaded, plan, engine._means, engine._directions, engine._dictionaries, recordings)
        with torch.no_grad():
            return run.table(range(rows))

    def whole(self, plan, rows):
        return self.run(plan, rows, None)

    def fast(self, plan, rows):
        return self.run(plan, rows, self.recordings)

    def forget(self):
        """What ran before."""
        self.recordings.drop(lambda key: True)

    def compare(self, plan, rows):
        """Raises AssertionError where the two ways differ. Gives what both gave: the reference's table, or its error."""
        whole, fast = (_caught(run, plan, rows) for run in (self.whole, self.fast))
        self.loaded.check_unchanged()
        if isinstance(whole, Exception) or isinstance(fast, Exception):
            assert type(fast) is type(whole), f"whole passes gave {whole!r}, shortened ones {fast!r}"
            return whole
        check_alike(fast, whole, plan)
        return whole


def check_alike(fast, whole, plan):
    assert fast.prompts == whole.prompts
    for cell, one, other in zip(plan.cells, fast.values, whole.values, strict=True):
        allowed = LOOSE.get(cell.metric.name, ABSOLUTE)
        np.testing.assert_allclose(one, other, rtol=RELATIVE, atol=allowed, err_msg=cell.describe())
    for mine, theirs in zip(fast.receipts, whole.receipts, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            check_alike_receipts(one, other)


def check_alike_receipts(one, other):
    for name in ("digest", "model", "view", "intervention", "sites", "allow_vacuous", "dtype", "prompts"):
        assert getattr(one, name) == getattr(other, name), (name, one.intervention)
    assert set(one.idle) <= set(other.idle), one.intervention
    np.testing.assert_allclose(one.relative, other.relative, rtol=0, atol=OF_RECEIPTS, err_msg=one.intervention)
    np.testing.assert_allclose(one.output, other.output, rtol=RELATIVE, atol=OF_RECEIPTS, err_msg=one.intervention)
    assert [(each.feature, each.fires) for each in one.features] == [(each.feature, each.fires) for each in other.features]
    for mine, theirs in zip(one.features, other.features, strict=True):
        np.testing.assert_allclose(mine.activation, theirs.activation, rtol=RELATIVE, atol=ABSOLUTE, err_msg=mine.feature)


def _caught(run, plan, rows):
    try:
        return run(plan, rows)
    except Exception as error:  # noqa: BLE001 - whichever it is, both ways must raise it
        return error
