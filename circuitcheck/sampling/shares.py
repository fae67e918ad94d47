"""Shares of prompts: 0/1 metrics, their paired differences, and quantiles, which are shares turned round."""

import math

import numpy as np

from circuitcheck import stats
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import Simple, Values
from circuitcheck.sampling.means import BoundedMean
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.stats import Interval


class Proportion(Simple):
    """The mean of 0/1 values: exact, Clopper-Pearson at one look and the beta-binomial sequence over several."""

    def _interval(self, level: Level) -> Interval:
        return proportion_interval(int(self.values.sum()), self.n, level)

    def martingale(self, level: Level) -> bool:
        return level.sequential and not level.exact


class PairedProportions(BoundedMean):
    """The difference of two 0/1 metrics of the same prompts: Newcombe's method 10 at one look, a bet over several."""

    def __init__(self, first: Values, second: Values, noise: Noise = NO_NOISE) -> None:
        super().__init__(first - second, -1.0, 1.0, noise)
        self.first, self.second = first, second

    def _interval(self, level: Level) -> Interval:
        if level.sequential:
            return super()._interval(level)
        one, two = self.first > 0, self.second > 0
        table = (one & two, one & ~two, ~one & two, ~one & ~two)
        both, first, second, neither = (int(each.sum()) for each in table)
        return stats.newcombe_paired(both, first, second, neither, level.alpha)

    def side(self, threshold: float, level: Level) -> int:
        return super().side(threshold, level) if level.sequential else Simple.side(self, threshold, level)

    def martingale(self, level: Level) -> bool:
        return level.sequential and not level.exact


class Quantile(Simple):
    """A quantile of real values, by order statistics; over several looks by inverting the beta-binomial sequence."""

    def __init__(self, values: Values, q: float, noise: Noise = NO_NOISE) -> None:
        super().__init__(values, noise)
        self.q = q

    @property
    def value(self) -> float:
        return float(np.quantile(self.values, self.q))

    @property
    def noise(self) -> float:
        """Where no value moves by more than the worst, no quantile does."""
        return self._noise.worst

    def _interval(self, level: Level) -> Interval:
        return stats.quantile_interval(self.values, self.q, lambda count, n: proportion_interval(count, n, level))

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:  # noqa: ARG002
        below = float((self.values < threshold).mean())
        return abs(below - self.q), math.sqrt(self.q * (1 - self.q))


def proportion_interval(successes: int, n: int, level: Level) -> Interval:
    """Exact, whether there is one look or many."""
    if level.sequential:
        return stats.beta_binomial_sequence(successes, n, level.alpha)
    return stats.clopper_pearson(successes, n, level.alpha)
