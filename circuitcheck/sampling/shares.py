"""Shares of prompts: 0/1 metrics, and quantiles, which are shares turned round."""

import math

import numpy as np

from circuitcheck import stats
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import Simple, Values
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.stats import Interval


class Proportion(Simple):
    """The mean of 0/1 values: exact, Clopper-Pearson at one look and the beta-binomial sequence over several."""

    def _interval(self, level: Level) -> Interval:
        return proportion_interval(int(self.values.sum()), self.n, level)

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
