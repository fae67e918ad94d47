"""Betting confidence sequences for the mean of bounded values (Waudby-Smith & Ramdas 2024, J. R. Stat. Soc. B 86, 1)."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval

_TRUNCATION = 0.5
_BISECTIONS = 60


def betting_interval(values: NDArray[np.float64], low: float, high: float, alpha: float) -> Interval:
    """A confidence sequence, valid at every n at once, for the mean of `values` [n], each inside [low, high].

    A gambler stakes lambda_t = sqrt(2 ln(2 / alpha) / (var_{t-1} t ln(t + 1))) against each candidate mean m, upwards
    and downwards; m is out once either capital has reached 2 / alpha. Values that drift can rule out every m: low > high.
    """
    unit = _to_unit(values, low, high)
    n = len(unit)
    below = _last_rejected(lambda m: _first_at(_growth(unit, m, alpha), alpha) < n)
    above = _last_rejected(lambda m: _first_at(_growth(1 - unit, m, alpha), alpha) < n)
    scale = high - low
    return Interval(low + scale * below, low + scale * (1 - above), "betting sequence")


def betting_side(values: NDArray[np.float64], low: float, high: float, alpha: float, threshold: float) -> int:
    """+1 if the mean is shown above `threshold`, -1 if below, 0 if neither; the same test as `betting_interval`.

    Values that drift can show both, one after the other; then what was shown first stands.
    """
    if threshold < low:
        return 1
    if threshold > high:
        return -1
    unit, m = _to_unit(values, low, high), (threshold - low) / (high - low)
    up, down = _first_at(_growth(unit, m, alpha), alpha), _first_at(_growth(1 - unit, 1 - m, alpha), alpha)
    if up == down:  # both never
        return 0
    return 1 if up < down else -1


def _to_unit(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    if not low < high:
        raise ValueError(f"bounds [{low}, {high}] leave no room for a value")
    unit = (values - low) / (high - low)
    if len(unit) and (unit.min() < -1e-9 or unit.max() > 1 + 1e-9):
        raise ValueError(f"values reach from {values.min()} to {values.max()}, outside their bounds [{low}, {high}]")
    return np.clip(unit, 0.0, 1.0)


def _growth(unit: NDArray[np.float64], m: float, alpha: float) -> NDArray[np.float64]:
    """[n]: the logarithm of the capital after each value, from betting that the mean exceeds m."""
    if m <= 0:
        return np.where(np.maximum.accumulate(unit) > 0, math.inf, 0.0)
    t = np.arange(1, len(unit) + 1)
    mean = (0.5 + np.cumsum(unit)) / (t + 1)
    variance = (0.25 + np.cumsum((unit - mean) ** 2)) / (t + 1)
    previous = np.concatenate([[0.25], variance[:-1]])
    stake = np.minimum(np.sqrt(2 * math.log(2 / alpha) / (previous * t * np.log(t + 1))), _TRUNCATION / m)
    return np.cumsum(np.log1p(stake * (unit - m)))


def _first_at(growth: NDArray[np.float64], alpha: float) -> int:
    """Index of the first value after which the capital has reached 2 / alpha; n if it never has."""
    reached = growth >= math.log(2 / alpha)
    return int(reached.argmax()) if reached.any() else len(growth)


def _last_rejected(rejected: Callable[[float], bool]) -> float:
    """The capital falls as m grows, so the rejected candidates are an interval that starts at 0."""
    if not rejected(1e-12):
        return 0.0
    inside, outside = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if rejected(middle) else (inside, middle)
    return inside
