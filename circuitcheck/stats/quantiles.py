"""Intervals for a quantile, from order statistics: no assumption on the shape of the distribution."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval


def quantile_interval(values: NDArray[np.float64], q: float, proportion: Callable[[int, int], Interval]) -> Interval:
    """The values theta for which `proportion(#{x <= theta}, n)` holds q, or would with ties broken either way.

    `proportion` maps (successes, n) to an exact interval for a proportion, so the result is exact when that is, and
    holds at every look when that does. An end is infinite where n is too small to bound it.
    """
    if not 0 < q < 1:
        raise ValueError(f"a quantile lies strictly between 0 and 1, got {q}")
    ordered, n = np.sort(values), len(values)
    intervals = [proportion(count, n) for count in range(n + 1)]
    first = next(count for count in range(n + 1) if intervals[count].high >= q)
    last = next(count for count in range(n, -1, -1) if intervals[count].low <= q)
    low = -np.inf if first == 0 else ordered[first - 1]
    high = np.inf if last == n else ordered[last]
    return Interval(float(low), float(high), f"order statistics, {intervals[0].method}")
