"""Showing that a mean is close to 0, which a large p-value never shows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval
from circuitcheck.stats.means import mean_and_error, student_t


@dataclass(frozen=True)
class Equivalence:
    """`p` is for the hypothesis that |mean| >= `margin`; `equivalent` where the interval lies inside (-margin, margin)."""

    interval: Interval
    margin: float
    p: float

    @property
    def equivalent(self) -> bool:
        return -self.margin < self.interval.low and self.interval.high < self.margin


def tost(values: NDArray[np.float64], margin: float, tail: float) -> Equivalence:
    """Two one-sided t tests (Schuirmann 1987), each at `tail`. Raises ValueError unless margin > 0 and n > 1."""
    from scipy import special

    if not margin > 0:
        raise ValueError(f"a margin of {margin} leaves nothing to be equivalent within; expected a number above 0")
    mean, error = mean_and_error(values)
    distance = margin - abs(mean)
    t = distance / error if error else math.copysign(math.inf, distance)
    return Equivalence(student_t(values, tail), margin, float(special.stdtr(len(values) - 1, -t)))
