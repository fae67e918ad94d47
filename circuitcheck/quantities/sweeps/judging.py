"""From the measured values of all cells to intervals that hold for all of them at once, and marks that say which cells do
something."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitcheck import stats
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.quantities.questions.conditions import Conditions
from circuitcheck.quantities.questions.estimand import basis_of, estimand_of
from circuitcheck.quantities.sweeps.effects import Effect
from circuitcheck.quantities.sweeps.measuring import MeasuredCells
from circuitcheck.sampling import Above, Below, Design, Form, Level, evidence
from circuitcheck.sampling.estimands import ROUNDING
from circuitcheck.sampling.ties import too_alike

VACUOUS, NO_NUMBER, ALIKE, UNDEFINED = "vacuous", "no number", "alike", "undefined"
MAX_T = "step-down over the largest statistic of all cells, by flipped signs of whole prompts"
HOLM = "each cell by the method of its kind of number; Holm over all cells"

Numbers = NDArray[np.float64]


@dataclass(eq=False)
class Judged:
    """One entry for each cell. `state`: why a cell has no interval, or empty. `family`, `rate`: adjusted p-values."""

    value: Numbers
    nothing: Numbers
    low: Numbers
    high: Numbers
    family: Numbers
    rate: Numbers
    state: list[str]
    method: str = MAX_T
    notes: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, size: int) -> "Judged":
        def filled(number: float) -> Numbers:
            return np.full(size, number)

        return cls(
            filled(math.nan), filled(math.nan), filled(-math.inf), filled(math.inf), filled(1.0), filled(1.0), [""] * size
        )


def judge_cells(
    quantities: Sequence[Quantity],
    effects: Sequence[Effect],
    measured: MeasuredCells,
    conditions: Conditions,
    confidence: float,
) -> Judged:
    """Marks and intervals, each for all cells together at this confidence."""
    found = Judged.empty(len(quantities))
    for place, (quantity, effect) in enumerate(zip(quantities, effects, strict=True)):
        cells = {cell.digest: cell for cell in (*quantity.cells, *effect.tested.cells)}
        if measured.vacuous & cells.keys():
            found.state[place] = VACUOUS
        elif not np.isfinite(measured.of(list(cells.values()))).all():
            found.state[place] = NO_NUMBER
        else:
            found.nothing[place] = effect.nothing(measured.values, measured.rows)
    left = [place for place, state in enumerate(found.state) if not state]
    plain = not conditions.grouping.clusters and all(
        _is_plain(each.form) for place in left for each in (quantities[place], effects[place].tested)
    )
    if plain:
        _together(found, left, quantities, effects, measured, conditions, 1 - confidence)
    else:
        _one_by_one(found, left, quantities, effects, measured, conditions, 1 - confidence)
    return found


def _is_plain(form: Form) -> bool:
    """A mean, or a ratio of means, of numbers without bounds: what t methods are for."""
    if form.q is not None or form.cut is not None or form.times is not None:
        return False
    if form.denominator is None:
        return form.bounds is None
    return form.bounds is None or form.denominator.bounds(form.kinds) is None


@dataclass(frozen=True, eq=False)
class _Parts:
    """Numerators and denominators [cell, unit], and the noise of their means [cell]."""

    above: Numbers
    below: Numbers
    noise: tuple[Numbers, Numbers]

    @classmethod
    def of(cls, expressions: Sequence[Expression], measured: MeasuredCells, conditions: Conditions) -> "_Parts":
        pairs, floors = [], []
        for each in expressions:
            pairs.append(each.form.parts(measured.of(each.cells), conditions.grouping.in_units))
            basis = basis_of(each, conditions)
            below = each.form.denominator
            floors.append((basis.floor.mean, below.noise(basis.floors).mean if below else 0.0))
        above, below_values = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
        noise = np.array(floors)
        return cls(above, below_values, (noise[:, 0], noise[:, 1]))

    def less(self, r: Numbers) -> tuple[Numbers, Numbers]:
        """Values whose mean is 0 where the number is r, and their noise."""
        return self.above - r[:, None] * self.below, self.noise[0] + np.abs(r) * self.noise[1]

    @property
    def value(self) -> Numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Numbers = self.above.mean(axis=1) / self.below.mean(axis=1)
        return found

    def kept(self, which: NDArray[np.bool_]) -> "_Parts":
        return _Parts(self.above[which], self.below[which], (self.noise[0][which], self.noise[1][which]))


def _together(
    found: Judged,
    left: Sequence[int],
    quantities: Sequence[Quantity],
    effects: Sequence[Effect],
    measured: MeasuredCells,
    conditions: Conditions,
    alpha: float,
) -> None:
    if not left:
        return
    shown = _Parts.of([quantities[place] for place in left], measured, conditions)
    tested = _Parts.of([effects[place].tested for place in left], measured, conditions)
    found.value[left] = shown.value
    at = np.array([effects[place].at for place in left])
    values, noise = tested.less(at)
    cells, shared = len(found.state), len({each.denominator.digest for each in quantities if each.denominator})
    for number, place in enumerate(left):
        size = max(np.abs(tested.above[number]).max(), abs(at[number]) * np.abs(tested.below[number]).max())
        found.state[place] = _state(shown, number, values[number], float(size), alpha / cells, alpha / max(shared, 1))
    good = np.array([not found.state[place] for place in left])
    if not good.any():
        return
    kept, places = shown.kept(good), [place for place, fine in zip(left, good, strict=True) if fine]
    marks = stats.step_down(values[good], noise[good], alpha=alpha, cells=cells)
    found.family[places], found.rate[places] = marks.family, marks.rate
    around, _ = kept.less(kept.value)
    critical = stats.step_down(around, alpha=alpha).critical
    found.low[places], found.high[places] = stats.ends(kept.above, kept.below, critical, kept.noise)
    found.notes.append(f"an interval is {critical:.3g} standard errors to either side, wider where values are skewed")


def _state(shown: _Parts, number: int, values: Numbers, size: float, alpha: float, below_alpha: float) -> str:
    """Why a cell cannot be judged, or empty: at a part `alpha` of the error, and for what it is divided by `below_alpha`,
    since most cells are divided by the same."""
    below = shown.below[number]
    if np.ptp(below) > 0 or below[0] != 1:
        least = stats.guarded_t(below[None], shown.noise[1][number])[0]
        if not least > _quantile(len(below), below_alpha):
            return UNDEFINED
    return ALIKE if too_alike(values, ROUNDING * max(size, float(np.abs(values).max())), alpha) else ""


def _quantile(n: int, alpha: float) -> float:
    from scipy import special

    return -float(special.stdtrit(n - 1, alpha / 2))


def _one_by_one(
    found: Judged,
    left: Sequence[int],
    quantities: Sequence[Quantity],
    effects: Sequence[Effect],
    measured: MeasuredCells,
    conditions: Conditions,
    alpha: float,
) -> None:
    """Numbers with bounds, shares, and clusters: by the methods that claims are judged by, at a part of the error each."""
    found.method, cells = HOLM, len(found.state)
    p = np.ones(cells)
    for place in left:
        quantity, effect = quantities[place], effects[place]
        number = estimand_of(quantity, measured.of(quantity.cells), conditions)
        level = Level(alpha / (2 * cells), alpha / cells)
        undefined = number.undefined(level)
        found.value[place] = number.value
        if undefined or number.problem(level):
            found.state[place] = UNDEFINED if undefined else ALIKE
            continue
        interval = number.interval(level)
        found.low[place], found.high[place] = interval.low, interval.high
        tested = estimand_of(effect.tested, measured.of(effect.tested.cells), conditions)
        design = Design(1 - alpha, number.n, number.n)
        sides = (Above(effect.at, ">"), Below(effect.at, "<"))
        p[place] = min(evidence(tested, side, design, 0, supports=True).p for side in sides)
    found.family[:], found.rate[:] = stats.holm(p), stats.benjamini_yekutieli(p)
