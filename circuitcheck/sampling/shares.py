"""Shares of prompts: 0/1 metrics, their paired differences, and quantiles, which are shares turned round.

Each look is an exact test at that look's own level of the Kim-DeMets boundary. All looks together then err at most alpha / 2
on either side: by the binomial recursion, for every share tried, between .2 and .8, the total is at least .72 of it, and
never more than it.
"""

import math
from dataclasses import replace

import numpy as np

from circuitcheck import stats
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import Simple, Values
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.stats import Interval


class Proportion(Simple):
    """The mean of 0/1 values: Clopper-Pearson."""

    _words = "exact interval for a share of prompts"

    def _interval(self, level: Level) -> Interval:
        return stats.clopper_pearson(int(self.values.sum()), self.n, 2 * level.tail)


class PairedDifference(Simple):
    """The mean of `values` = `offset` + `scale` d, where d is a difference of two 0/1 values: -1, 0 or 1."""

    _words = "exact interval for the difference of two shares of the same prompts"

    def __init__(self, values: Values, scale: float, offset: float, noise: Noise = NO_NOISE) -> None:
        super().__init__(values, noise)
        self.scale, self.offset = scale, offset
        difference = np.rint((values - offset) / scale).astype(int)
        self._surplus, self._differing = int(difference.sum()), int(np.abs(difference).sum())

    def _interval(self, level: Level) -> Interval:
        found = stats.paired_interval(self._surplus, self._differing, self.n, level.tail)
        ends = sorted((self.offset + self.scale * found.low, self.offset + self.scale * found.high))
        return replace(found, low=ends[0], high=ends[1])


class Quantile(Simple):
    """A quantile of real values, by order statistics."""

    _words = "exact interval between two of the values in order"

    def __init__(self, values: Values, q: float, noise: Noise = NO_NOISE) -> None:
        super().__init__(values, noise)
        self.q = q

    @property
    def value(self) -> float:
        return float(np.quantile(self.values, self.q))

    @property
    def noise(self) -> float:
        """Where no value moves by more than the worst, no quantile does."""
        return self.floor.worst

    def _interval(self, level: Level) -> Interval:
        return stats.quantile_interval(self.values, self.q, level.tail)

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:  # noqa: ARG002
        below = float((self.values < threshold).mean())
        return abs(below - self.q), math.sqrt(self.q * (1 - self.q))
