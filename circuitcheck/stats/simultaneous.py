"""Many means of the same sampling units at once: which of them are not 0, and how far each may be from its estimate.

The error is that of all of them together, and less is paid for where they move together: the distribution of the largest
statistic is found by flipping the signs of whole units (Westfall & Young 1993; Romano & Wolf 2005, J. Am. Stat. Assoc. 100,
94). Flips know nothing of skew, so each statistic has to be large in the t and in the skew-corrected scale of Hall (1992).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitcheck.stats.means import GUARD
from circuitcheck.stats.multiplicity import benjamini_yekutieli

DRAWS = 4000  # the critical value of 300 cells then differs by some .03 from draw to draw
_AT_ONCE = 1000
_DOUBLINGS, _HALVINGS = 60, 50

Values = NDArray[np.float64]  # [cell, unit]
Outside = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class StepDown:
    """`family` [cell]: adjusted p-values; those below alpha are all right at once with probability 1 - alpha. `rate`
    [cell]: adjusted by Benjamini & Yekutieli, below alpha at most that share of them is wrong on average. `critical`: how
    large the largest statistic of all cells is with probability alpha where nothing is there; an interval of so many
    standard errors holds for all cells at once."""

    family: NDArray[np.float64]
    rate: NDArray[np.float64]
    critical: float


def guarded_t(values: Values, noise: ArrayLike = 0.0) -> NDArray[np.float64]:
    """[cell]: with its sign, the smaller of |t| and of Hall's transformed t, with the skewness taken `GUARD` times, for the
    mean of `values` [cell, unit]; so much larger than q that 0 is outside of `skew_guarded`'s interval with quantile q.

    A mean within `noise` [cell] of 0 gives 0, and so do values without spread. Raises ValueError for fewer than 2 units.
    """
    given = _checked(values)
    n, mean = given.shape[1], given.mean(axis=1)
    spread = given.std(axis=1, ddof=1)
    left = np.sign(mean) * np.maximum(np.abs(mean) - np.asarray(noise, float), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(spread > 0, left / (spread / math.sqrt(n)), 0.0)
        third = ((given - mean[:, None]) ** 3).mean(axis=1)
        g = np.where(spread > 0, GUARD * third / spread**3, 0.0)
    root = math.sqrt(n)
    hall = t + g * t**2 / (3 * root) + g**2 * t**3 / (27 * n) + g / (6 * root)
    size: NDArray[np.float64] = np.maximum(np.minimum(np.abs(t), np.sign(t) * hall), 0.0)
    return np.sign(t) * size


def step_down(
    values: Values,
    noise: ArrayLike = 0.0,
    *,
    alpha: float = 0.05,
    cells: int | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> StepDown:
    """For `values` [cell, unit], whose means are asked to differ from 0 by more than `noise` [cell].

    Cells of values without spread are not told, p = 1. `cells` is how many were looked at in all, where some have no values.
    The same values and seed give the same numbers. Raises ValueError for no cell, fewer than 2 units, numbers that are not
    finite.
    """
    given = _checked(values)
    statistic = np.abs(guarded_t(given, noise))
    told = given.std(axis=1) > 0
    family = np.ones(len(given))
    if not told.any():
        return StepDown(family, family.copy(), math.inf)
    order = np.flatnonzero(told)[np.argsort(-statistic[told], kind="stable")]
    reached, largest = _reached(given[order], statistic[order], seed, draws)
    family[order] = np.maximum.accumulate((1 + reached) / (draws + 1))
    return StepDown(family, _rate(statistic, given.shape[1], cells or len(given)), _quantile(largest, alpha))


def ends(
    above: Values, below: Values, critical: float, noise: tuple[ArrayLike, ArrayLike] = (0.0, 0.0)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[cell] low and high: the numbers r at which the mean of `above` - r `below` [cell, unit] is not told from 0 at
    `critical`. `noise` is that of either mean, [cell]. The means of `below` are above 0; for plain means they are 1."""
    floors = [np.broadcast_to(np.asarray(each, float), len(above)) for each in noise]
    middle = above.mean(axis=1) / below.mean(axis=1)

    def outside(r: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.abs(guarded_t(above - r[:, None] * below, floors[0] + np.abs(r) * floors[1])) > critical

    found = [_end(middle, side, outside) for side in (-1.0, 1.0)]
    return found[0], found[1]


def _end(middle: NDArray[np.float64], side: float, outside: Outside) -> NDArray[np.float64]:
    """The last number on one side that is not told from the estimate; infinite where there is none."""
    step, inside, beyond = 1e-3 * np.maximum(1.0, np.abs(middle)), middle.copy(), np.zeros(len(middle), bool)
    far = middle + side * step
    for _ in range(_DOUBLINGS):
        beyond = beyond | outside(far)
        if beyond.all():
            break
        inside = np.where(beyond, inside, far)
        step = np.where(beyond, step, step * 2)
        far = np.where(beyond, far, middle + side * step)
    for _ in range(_HALVINGS):
        half = (inside + far) / 2
        out = outside(half)
        inside, far = np.where(out, inside, half), np.where(out, half, far)
    return np.where(beyond, inside, side * math.inf)


def _reached(
    values: Values, statistic: NDArray[np.float64], seed: int, draws: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of cells in the order of their statistics: how many draws reach each with any cell from it on, and the largest of all
    cells of each draw."""
    n = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    unit = (centred / np.sqrt((centred**2).sum(axis=1, keepdims=True))).T.astype(np.float32)
    random, reached, largest = np.random.default_rng(seed), np.zeros(len(values), np.int64), []
    for start in range(0, draws, _AT_ONCE):
        signs = random.integers(0, 2, (min(_AT_ONCE, draws - start), n)).astype(np.float32) * 2 - 1
        sums = (signs @ unit).astype(float)  # [draw, cell]; the squares of a flipped column still add up to 1
        drawn = np.abs(sums) / np.sqrt(np.maximum((1 - sums**2 / n) * n / (n - 1), 1e-12))
        from_here = np.maximum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]
        reached += (from_here >= statistic).sum(axis=0)
        largest.append(from_here[:, 0])
    return reached, np.concatenate(largest)


def _quantile(largest: NDArray[np.float64], alpha: float) -> float:
    """The smallest of the drawn numbers that at most alpha of the draws reach, this sample counted as one of them."""
    ordered = np.sort(largest)
    place = math.ceil((1 - alpha) * (len(ordered) + 1)) - 1
    return float(ordered[place]) if place < len(ordered) else math.inf


def _rate(statistic: NDArray[np.float64], n: int, cells: int) -> NDArray[np.float64]:
    """Cells without values count as p = 1."""
    from scipy import special

    p = np.minimum(1.0, 2 * special.stdtr(n - 1, -statistic))
    adjusted: NDArray[np.float64] = benjamini_yekutieli(np.concatenate([p, np.ones(max(0, cells - len(p)))]))[: len(p)]
    return adjusted


def _checked(values: Values) -> Values:
    given = np.asarray(values, float)
    if given.ndim != 2 or not len(given) or given.shape[1] < 2 or not np.isfinite(given).all():
        raise ValueError(
            f"expected finite values [cell, unit] of a cell or more and 2 units or more, got shape {given.shape}"
        )
    return given
