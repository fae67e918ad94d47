"""A ratio of means, never a mean of ratios."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from circuitcheck import stats
from circuitcheck.sampling.clusters import Clusters
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import Bounds, Edges, Simple, Values, exact_interval
from circuitcheck.sampling.last_inside import last_inside
from circuitcheck.sampling.means import RealMean, mean_of
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.sampling.unseen import Unseen
from circuitcheck.stats import Interval

_CONSTANT = 1e-12
_NO_TASK = "the model does not do the task"


@dataclass
class RatioOfMeans:
    """mean(numerator) / mean(denominator), by linearising: it exceeds r iff mean(numerator - r denominator) > 0, which
    holds only where the mean of the denominator is above 0. The interval holds every r that is not excluded so.

    `bounds` of numerator and denominator, where both have them, switch to the method for bounded values. `noises` are
    those of numerator and denominator.
    """

    numerator: Values
    denominator: Values
    bounds: tuple[Bounds, Bounds] | None = None
    clusters: Clusters | None = None
    noises: tuple[Noise, Noise] = (NO_NOISE, NO_NOISE)
    what: str = "prompts"
    weak: str = _NO_TASK  # what it means that the denominator is not above 0

    @property
    def value(self) -> float:
        below = self.mean(self.denominator)
        return self.mean(self.numerator) / below if below else math.nan

    @property
    def n(self) -> int:
        return len(self.numerator)

    @property
    def noise(self) -> float:
        below = abs(self.mean(self.denominator))
        return self._noise(self.value).mean / below if below else math.inf

    @property
    def words(self) -> str:
        return f"ratio of two means; {self._linear(0.0).words}"

    def side(self, threshold: float, level: Level) -> int:
        return self._linear(threshold).side(0.0, level)

    def interval(self, level: Level) -> Interval:
        if level.census:
            return exact_interval(self.value, self.noise)
        method = f"linearised ratio, {self._linear(0.0).interval(level).method}"
        if self.problem(level):
            return Interval(-math.inf, math.inf, method)
        step = self._first_step(level)
        return Interval(self._end(+1, step, level), self._end(-1, step, level), method)

    def problem(self, level: Level) -> str | None:
        weak = self.undefined(level)
        if weak or level.census:
            return weak
        residual = self._linear(self.value)
        if np.ptp(residual.values) <= _CONSTANT * self._denominator().value:
            return (
                f"the ratio is {self.value:.6g} on each of {self.n} prompts, which says nothing of prompts that differ: "
                f"does the view change what is measured?"
            )
        return residual.problem(level)

    def hopeless(self, level: Level) -> bool:
        below = self._denominator()
        return below.hopeless(level) or below.interval(level).high < 0

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:
        return self._linear(threshold).spread(0.0, level)

    def saturated(self) -> bool:
        return math.isfinite(self.value) and self._linear(self.value).saturated()

    def martingale(self, level: Level) -> bool:
        return self._linear(0.0).martingale(level)

    def unseen(self, edges: Edges, level: Level) -> Unseen | None:
        """On the ratio's scale, for prompts with the mean denominator."""
        below = self.mean(self.denominator)
        if self.bounds is not None or not below > 0:
            return None
        prompts = self.value + (self.numerator - self.value * self.denominator) / below
        return mean_of(prompts, None, self.clusters, what=self.what).unseen(edges, level)

    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]:
        if self.undefined(level):
            return ()
        below = self.mean(self.denominator)
        return self._linear(self.value).warnings(tuple(below * (edge - self.value) for edge in edges), level)

    def notes(self, level: Level) -> tuple[str, ...]:
        if level.census or self.n < 2 or not math.isfinite(self.value):
            return ()
        linear = self._linear(self.value)
        if not isinstance(linear, RealMean):
            return linear.notes(level)
        found = stats.fieller(self.numerator, self.denominator, level.tail)
        return (f"by Fieller's method the interval is [{found.low:.4g}, {found.high:.4g}]",)

    def undefined(self, level: Level) -> str | None:
        denominator = self._denominator()
        if denominator.undefined(level):
            return denominator.undefined(level)
        found = denominator.interval(level)
        if found.low > 0:
            return None
        shown = f"mean {denominator.value:.4g}" + ("" if level.census else f" in [{found.low:.4g}, {found.high:.4g}]")
        return f"{self.weak}: the denominator, {shown}, is not shown to be above 0"

    def _linear(self, r: float) -> Simple:
        bounds = None
        if self.bounds is not None:
            (low, high), denominator = self.bounds
            bounds = low - max(r * end for end in denominator), high - min(r * end for end in denominator)
        size = float(np.abs(self.numerator).max() + abs(r) * np.abs(self.denominator).max())
        values = self.numerator - r * self.denominator
        return mean_of(values, bounds, self.clusters, self._noise(r), what=self.what, scale=size)

    def _denominator(self) -> Simple:
        return mean_of(self.denominator, self.bounds and self.bounds[1], self.clusters, self.noises[1])

    def mean(self, values: Values) -> float:
        """Over prompts, or over templates, each of which counts once."""
        return float((values if self.clusters is None else stats.cluster_means(values, self.clusters.labels[0])).mean())

    def _noise(self, r: float) -> Noise:
        return self.noises[0].plus(self.noises[1].scaled(r))

    def _end(self, wanted: int, step: float, level: Level) -> float:
        """The last r, going down (+1) or up (-1) from the estimate, that is not excluded."""
        beyond = self._clear_of_0 if self.bounds is None else self._excluded
        return last_inside(partial(beyond, wanted, level), self.value, -wanted * step, continuous=self.bounds is None)

    def _clear_of_0(self, wanted: int, level: Level, r: float) -> float:
        """How far the interval of the mean numerator - r denominator lies above 0 (+1) or below it (-1)."""
        found = self._linear(r).interval(level)
        return found.low if wanted == 1 else -found.high

    def _excluded(self, wanted: int, level: Level, r: float) -> float:
        """1 or 0: bets tell the side without an interval."""
        return float(self.side(r, level) == wanted)

    def _first_step(self, level: Level) -> float:
        """About half the width of the interval, where that is known beforehand."""
        small = 1e-3 * max(1.0, abs(self.value))
        if self.bounds is not None:
            return small
        found = self._linear(self.value).interval(level)
        half = (found.high - found.low) / 2 / self.mean(self.denominator)
        return half if 0 < half < math.inf else small
