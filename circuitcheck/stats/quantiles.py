"""Intervals for a quantile, from order statistics: no assumption on the shape of the distribution."""

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval


def quantile_interval(values: NDArray[np.float64], q: float, tail: float) -> Interval:
    """The values theta for which the exact binomial test at `tail` on either side allows P(X <= theta) >= q and
    P(X < theta) <= q (Conover 1999, section 3.2). An end is infinite where n is too small to bound it.

    Raises ValueError unless 0 < q < 1.
    """
    from scipy import special

    if not 0 < q < 1:
        raise ValueError(f"a quantile lies strictly between 0 and 1, got {q}")
    ordered, n = np.sort(values), len(values)
    counts = np.arange(n + 1)
    below = special.bdtr(counts, n, q) <= tail  # [count]: so few at or below theta show that the quantile is above it
    least = np.concatenate([[1.0], special.bdtrc(counts[:-1], n, q)]) <= tail  # so many show that it is not above it
    few, many = int(below.sum()), int(np.argmax(least)) if least.any() else n + 1
    low = -np.inf if few == 0 else float(ordered[few - 1])
    high = np.inf if many > n else float(ordered[many - 1])
    return Interval(low, high, "order statistics, exact binomial")
