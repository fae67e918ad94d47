"""Means over prompts of templates that are themselves a sample: of those that one could have written."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from circuitcheck import stats
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import ROUNDING, Edges, Simple, Values
from circuitcheck.sampling.noise import Noise
from circuitcheck.sampling.ties import most_alike
from circuitcheck.sampling.unseen import Unseen, unseen_of
from circuitcheck.stats import Interval

_FEWEST, _FEW = 5, 20


@dataclass(frozen=True, eq=False)
class Clusters:
    """Prompts as a sample of templates, and of the values of a second slot where a task declares one. `labels` hold one
    label for each prompt; `names` say what the clusters are."""

    names: tuple[str, ...]
    labels: tuple[Sequence[str], ...]

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(len(set(each)) for each in self.labels)


class _Clustered(Simple):
    """Verdicts about new templates: the templates at hand are the sample, however many prompts each of them has, and each
    counts once."""

    def __init__(self, values: Values, clusters: Clusters, noise: Noise) -> None:
        super().__init__(values, noise)
        self.clusters = clusters
        self.means = stats.cluster_means(values, clusters.labels[0])

    @property
    def value(self) -> float:
        return float(self.means.mean())

    def interval(self, level: Level) -> Interval:
        if self.undefined(level):
            return Interval(-math.inf, math.inf, f"none: too few {self.clusters.names[0]}")
        return super().interval(level)

    def undefined(self, level: Level) -> str | None:  # noqa: ARG002
        for name, count in zip(self.clusters.names, self.clusters.counts, strict=True):
            if count < _FEWEST:
                return f"{count} {name}: a claim about new ones needs {_FEWEST} at least. Add {name}."
        return None

    def hopeless(self, level: Level) -> bool:  # noqa: ARG002
        return self.clusters.counts[0] < _FEWEST

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:
        """What templates differ by does not shrink with more prompts, so it is taken off the distance first."""
        within, between = self._parts()
        radius = -_t_quantile(self.clusters.counts[0] - 1, level.tail) * math.sqrt(between / self.clusters.counts[0])
        return max(0.0, self._distance(threshold) - radius), math.sqrt(within)

    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        if self.undefined(level):
            return ()
        name, sizes = self.clusters.names[0], Counter(self.clusters.labels[0])
        largest, most = sizes.most_common(1)[0]
        mean = len(self.values) / len(sizes)
        if most <= 2 * mean:
            return ()
        return (
            f"{largest!r} has {most} of {len(self.values)} prompts, more than twice the mean of {mean:.3g}: each of the "
            f"{name} counts once here, so its prompts weigh less than those of others",
        )

    def notes(self, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        if min(self.clusters.counts) < _FEWEST:
            return ()
        effect = stats.design_effect(self.values, self.clusters.labels[0])
        return (
            f"{self.clusters.counts[0]} {self.clusters.names[0]} of {effect.mean_size:.3g} prompts: design effect "
            f"{effect.factor:.2g}, intraclass correlation {effect.icc:.2g}",
            *((f"more {self.clusters.names[0]}, not more prompts, would narrow this interval",) if self.saturated() else ()),
        )

    def saturated(self) -> bool:
        if min(self.clusters.counts) < _FEWEST:
            return True
        within, between = self._parts()
        return between / self.clusters.counts[0] > within / self.n

    def _parts(self) -> tuple[float, float]:
        """Variance of a prompt within its template, and of a template's own mean."""
        effect = stats.design_effect(self.values, self.clusters.labels[0])
        total = float(self.values.var())
        return (1 - effect.icc) * total, effect.icc * total


class ClusteredMean(_Clustered):
    """The mean of real values over templates that are a sample: on the template means, or two-way."""

    @property
    def words(self) -> str:
        names = " and ".join(self.clusters.names)
        return f"interval for a mean over {names}, each of which counts once"

    def problem(self, level: Level) -> str | None:
        few = self.undefined(level)
        if few or level.census:
            return few
        alike = most_alike(self.means, ROUNDING * float(np.abs(self.values).max()))
        if alike > len(self.means) / 2:
            name = self.clusters.names[0]
            return f"{alike} of {len(self.means)} {name} have the same mean: too few differ to say by how much"
        return None

    def unseen(self, edges: Edges, level: Level) -> Unseen | None:
        if self.undefined(level):
            return None
        return unseen_of(self.means, self.clusters.names[0], edges, level.alpha)

    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]:
        found = super().warnings(edges, level)
        if not self.undefined(level) and len(self.means) < _FEW:
            found += (
                f"{len(self.means)} {self.clusters.names[0]} are few: where they differ in a skewed way a verdict may be "
                "wrong more often than it says: in 5% of claims with 8 of them, 3.5% with 16, 3.3% with 20, and not in 2.5%",
            )
        return found

    def _interval(self, level: Level) -> Interval:
        labels = self.clusters.labels
        if len(labels) == 1:
            found = stats.between_clusters(self.values, labels[0], level.tail)
        else:
            found = stats.two_way(self.values, labels[0], labels[1], level.tail)
        return replace(found, method=f"{found.method} at the Kim-DeMets boundary") if level.sequential else found


class ClusteredBounded(_Clustered):
    """The mean of values in [low, high] over templates that are a sample: a bet on the template means, never t.

    More prompts do not add templates, so each look spends its part of alpha by itself (Bonferroni). With a second clustering
    the hull of the two intervals.
    """

    _words = "interval by betting on the template means, for values with known bounds"

    def __init__(self, values: Values, low: float, high: float, clusters: Clusters, noise: Noise) -> None:
        super().__init__(values, clusters, noise)
        self.low, self.high = low, high

    def _interval(self, level: Level) -> Interval:
        found, *others = (
            stats.betting_interval(stats.cluster_means(self.values, labels), self.low, self.high, level.alpha * level.part)
            for labels in self.clusters.labels
        )
        for other in others:
            found = found.hull(other, found.method)
        return replace(found, method=f"betting on the means of {' and of '.join(self.clusters.names)}")

    def saturated(self) -> bool:
        """The bet is on templates: no number of prompts stands in for them."""
        return True


def _t_quantile(freedom: int, tail: float) -> float:
    from scipy import special

    return float(special.stdtrit(freedom, tail))
