"""Means over prompts: real or bounded values, of prompts that are independent or come in clusters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from circuitcheck import stats
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import Bounds, Simple, Values, same_on_every_prompt
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.stats import Interval

_TIES_NEED = 64
_SKEWED = 2.0
_FEWEST_CLUSTERS = 5


@dataclass(frozen=True, eq=False)
class Clusters:
    """Prompts as a sample of templates, and of the values of a second slot where a task declares one. `labels` hold one
    label for each prompt; `names` say what the clusters are."""

    names: tuple[str, ...]
    labels: tuple[Sequence[str], ...]

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(len(set(each)) for each in self.labels)


def mean_of(values: Values, bounds: Bounds | None, clusters: Clusters | None, noise: Noise = NO_NOISE) -> Simple:
    """The estimand for a mean of `values` [prompt] by the method that their support and their clusters call for."""
    if clusters is not None:
        return ClusteredBounded(values, *bounds, clusters, noise) if bounds else ClusteredMean(values, clusters, noise)
    return BoundedMean(values, *bounds, noise) if bounds else RealMean(values, noise)


class RealMean(Simple):
    """The mean of real values: hull of t and Hall."""

    def _interval(self, level: Level) -> Interval:
        return at_boundary(stats.skew_guarded(self.values, level.tail), level)

    def problem(self, level: Level) -> str | None:
        if level.exact:
            return None
        counts = np.unique(self.values, return_counts=True)[1]
        if len(counts) == 1:
            return f"all {self.n} values are equal ({self.values[0]:.6g}): no spread to take an interval from"
        if counts.max() > self.n / 2 and self.n < _TIES_NEED:
            return f"more than half of the {self.n} values tie; that needs {_TIES_NEED} prompts or more"
        return None

    def equals(self, value: float, level: Level) -> bool:  # noqa: ARG002
        return same_on_every_prompt(self.values, value, self._noise)

    def warnings(self) -> tuple[str, ...]:
        skew = stats.skewness(self.values) if self.n > 1 else 0.0
        if abs(skew) <= _SKEWED:
            return ()
        return (
            f"skewness {skew:.1f}: beyond 2 the interval misses more often than its level says (values of skewness 6 gave "
            f"5.9% false support where 2.5% is nominal)",
        )


class BoundedMean(Simple):
    """The mean of values that lie in [low, high]: a betting sequence, valid at every look."""

    def __init__(self, values: Values, low: float, high: float, noise: Noise = NO_NOISE) -> None:
        super().__init__(values, noise)
        self.low, self.high = low, high

    def _interval(self, level: Level) -> Interval:
        return stats.betting_interval(self.values, self.low, self.high, level.alpha)

    def side(self, threshold: float, level: Level) -> int:
        if level.exact:
            return super().side(threshold, level)
        if self._shown(threshold + self.noise, level) == 1:
            return 1
        return -1 if self._shown(threshold - self.noise, level) == -1 else 0

    def _shown(self, threshold: float, level: Level) -> int:
        return stats.betting_side(self.values, self.low, self.high, level.alpha, threshold)

    def martingale(self, level: Level) -> bool:
        return not level.exact


class _Clustered(Simple):
    """Verdicts about new templates: the templates at hand are the sample, however many prompts each of them has."""

    def __init__(self, values: Values, clusters: Clusters, noise: Noise) -> None:
        super().__init__(values, noise)
        self.clusters = clusters

    def interval(self, level: Level) -> Interval:
        if self.undefined(level):
            return Interval(-math.inf, math.inf, f"none: too few {self.clusters.names[0]}")
        return super().interval(level)

    def undefined(self, level: Level) -> str | None:  # noqa: ARG002
        for name, count in zip(self.clusters.names, self.clusters.counts, strict=True):
            if count < _FEWEST_CLUSTERS:
                return f"{count} {name}: a claim about new ones needs {_FEWEST_CLUSTERS} at least. Add {name}."
        return None

    def equals(self, value: float, level: Level) -> bool:  # noqa: ARG002
        return self.clusters.counts[0] >= _FEWEST_CLUSTERS and same_on_every_prompt(self.values, value, self._noise)

    def hopeless(self, level: Level) -> bool:  # noqa: ARG002
        return self.clusters.counts[0] < _FEWEST_CLUSTERS

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:
        """What templates differ by does not shrink with more prompts, so it is taken off the distance first."""
        within, between = self._parts()
        radius = -_t_quantile(self.clusters.counts[0] - 1, level.tail) * math.sqrt(between / self.clusters.counts[0])
        return max(0.0, self._distance(threshold) - radius), math.sqrt(within)

    def notes(self, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        if min(self.clusters.counts) < _FEWEST_CLUSTERS:
            return ()
        effect = stats.design_effect(self.values, self.clusters.labels[0])
        return (
            f"{self.clusters.counts[0]} {self.clusters.names[0]} of {effect.mean_size:.3g} prompts: design effect "
            f"{effect.factor:.2g}, intraclass correlation {effect.icc:.2g}",
            *((f"more {self.clusters.names[0]}, not more prompts, would narrow this interval",) if self.saturated() else ()),
        )

    def saturated(self) -> bool:
        if min(self.clusters.counts) < _FEWEST_CLUSTERS:
            return True
        within, between = self._parts()
        return between / self.clusters.counts[0] > within / self.n

    def _parts(self) -> tuple[float, float]:
        """Variance of a prompt within its template, and of a template's own mean."""
        effect = stats.design_effect(self.values, self.clusters.labels[0])
        total = float(self.values.var())
        return (1 - effect.icc) * total, effect.icc * total


class ClusteredMean(_Clustered):
    """The mean of real values over templates that are a sample: t on the template means, or two-way."""

    def problem(self, level: Level) -> str | None:
        means = stats.cluster_means(self.values, self.clusters.labels[0])
        if self.undefined(level) is None and np.ptp(means) == 0:
            return f"all {len(means)} {self.clusters.names[0]} have the mean {means[0]:.6g}: no spread between them"
        return self.undefined(level)

    def _interval(self, level: Level) -> Interval:
        labels = self.clusters.labels
        if len(labels) == 1:
            return at_boundary(stats.clustered_t(self.values, labels[0], level.tail), level)
        return at_boundary(stats.two_way_t(self.values, labels[0], labels[1], level.tail), level)


class ClusteredBounded(_Clustered):
    """The mean of values in [low, high] over templates that are a sample: a bet on the template means, never t.

    More prompts do not add templates, so each look spends an equal part of alpha (Bonferroni). With a second clustering the
    hull of the two intervals.
    """

    def __init__(self, values: Values, low: float, high: float, clusters: Clusters, noise: Noise) -> None:
        super().__init__(values, clusters, noise)
        self.low, self.high = low, high

    def _interval(self, level: Level) -> Interval:
        found, *others = (
            stats.betting_interval(stats.cluster_means(self.values, labels), self.low, self.high, level.alpha / level.looks)
            for labels in self.clusters.labels
        )
        for other in others:
            found = found.hull(other, found.method)
        return replace(found, method=f"betting on the means of {' and of '.join(self.clusters.names)}")

    def saturated(self) -> bool:
        """The bet is on templates: no number of prompts stands in for them."""
        return True


def at_boundary(found: Interval, level: Level) -> Interval:
    return replace(found, method=f"{found.method} at the Kim-DeMets boundary") if level.sequential else found


def _t_quantile(freedom: int, tail: float) -> float:
    from scipy import special

    return float(special.stdtrit(freedom, tail))
