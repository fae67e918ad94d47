"""Intervals for a ratio of means of paired values."""

import math

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval


def fieller(numerator: NDArray[np.float64], denominator: NDArray[np.float64], tail: float) -> Interval:
    """Fieller's set for mean(numerator) / mean(denominator), both [n] and paired (Fieller 1954, J. R. Stat. Soc. B 16).

    The r with |mean(a - r b)| within its t interval. Where mean(b) is not shown to differ from 0 that set is no finite
    interval, and (-inf, inf) is returned: the data do not bound the ratio.
    """
    from scipy import special

    n = len(numerator)
    if n < 2 or n != len(denominator):
        raise ValueError(f"a ratio needs two equally long samples of at least 2, got {n} and {len(denominator)}")
    a, b = float(numerator.mean()), float(denominator.mean())
    t2 = float(special.stdtrit(n - 1, tail)) ** 2 / n
    (var_a, cov), (_, var_b) = np.cov(numerator, denominator)
    qa, qb, qc = b * b - t2 * var_b, a * b - t2 * cov, a * a - t2 * var_a
    discriminant = qb * qb - qa * qc
    if qa <= 0 or discriminant < 0:
        return Interval(-math.inf, math.inf, "Fieller")
    root = math.sqrt(discriminant)
    return Interval(float((qb - root) / qa), float((qb + root) / qa), "Fieller")
