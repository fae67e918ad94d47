"""A number now less the same number then, on prompts that were measured both times, as plain data: a claim that is asked,
and one that is read from a report, are decided by the same lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitcheck.sampling.basis import Basis
from circuitcheck.sampling.change import change, unchanged
from circuitcheck.sampling.decision import Decision, Draw, decide
from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.estimands import Estimand, Simple, Values
from circuitcheck.sampling.form import Columns
from circuitcheck.sampling.noise import Noise
from circuitcheck.sampling.regions import Region
from circuitcheck.stats import Interval


@dataclass(frozen=True, eq=False)
class Then:
    """`columns` [cell, prompt] as they were measured, and by which arithmetic they are judged. `same_weights`: the cells of
    now are the same ones."""

    basis: Basis
    columns: Columns
    same_weights: bool

    def change(self, now: Basis, columns: Columns) -> Estimand:
        """Of `columns` [cell, prompt] now. Raises NotComparable for another kind of number."""
        n = columns.shape[1]
        was = self.columns[:, :n]
        found = change(now.estimand(columns), self.basis.estimand(was))
        if now.form != self.basis.form:
            return found
        floors = [one.worst + other.worst for one, other in zip(now.floors, self.basis.floors, strict=True)]
        alike = within_noise(columns, was, floors, same_weights=self.same_weights)
        return _Unchanged(found) if alike else found


def decide_change(draw: Draw, now: Basis, then: Then, region: Region, design: Design) -> Decision:
    """One look, at the prompts that were measured then whatever came out. Numbers that do not differ by more than the
    machine's noise need no statistics. Raises NotComparable, BelowNoise."""
    cells = len(now.floors)

    def both(rows: range) -> Columns:
        return np.concatenate([draw(rows), then.columns[:, rows.start : rows.stop]])

    return decide(both, lambda columns: then.change(now, columns[:cells]), region, design)


def within_noise(new: Columns, old: Columns, floors: Sequence[float], *, same_weights: bool) -> bool:
    """Of every cell [cell, prompt], whose `floors` are those of one prompt, both times together. Whole numbers may stay the
    same by chance: they count where the weights are known to be the same."""
    rows = zip(new, old, floors, strict=True)
    return all(
        (same_weights and np.array_equal(now, was, equal_nan=True)) or unchanged(now, was, floor) for now, was, floor in rows
    )


class _Unchanged(Simple):
    _words = "no number differs by more than the machine's own noise, so nothing is left to chance"

    def __init__(self, found: Estimand) -> None:
        value = found.value if np.isfinite(found.value) else 0.0
        noise = found.noise if np.isfinite(found.noise) else 0.0
        super().__init__(np.full(found.n, value), Noise(noise, noise))

    @property
    def value(self) -> float:
        return float(self.values[0])

    def _interval(self, level: Level) -> Interval:  # noqa: ARG002
        return Interval(self.value, self.value, "unchanged")


def changes_by_prompt(now: Basis, columns: Columns, then: Then) -> Values:
    """[prompt]: by how much each prompt's number changed; of a ratio, linearised at the two estimates."""
    return linearised(now, columns) - linearised(then.basis, then.columns[:, : columns.shape[1]])


def linearised(basis: Basis, columns: Columns) -> Values:
    """[prompt]: each prompt's number; of a ratio, at its own estimate."""
    if basis.form.denominator is None:
        return basis.form.per_prompt(columns)
    above, below = basis.form.parts(columns)
    return basis.form.toward(float(above.mean() / below.mean()) if below.mean() else 0.0, columns)
