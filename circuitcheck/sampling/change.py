"""By how much a number changed between two revisions, paired: the same prompts, measured twice."""

import math
from dataclasses import replace

import numpy as np

from circuitcheck.errors import NotComparable
from circuitcheck.sampling.clusters import ClusteredBounded, ClusteredMean, Clusters
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import ROUNDING, Bounds, Edges, Estimand, Simple, Values, side_of
from circuitcheck.sampling.means import BoundedMean, RealMean, mean_of
from circuitcheck.sampling.noise import Noise
from circuitcheck.sampling.ratios import RatioOfMeans
from circuitcheck.sampling.shares import PairedDifference, Proportion, Quantile
from circuitcheck.sampling.unseen import Unseen
from circuitcheck.stats import Interval


def change(new: Estimand, old: Estimand) -> Estimand:
    """The new number less the old one, from values of the same prompts in the same order, with clusters respected as each of
    the two does by itself. Raises NotComparable for two kinds of number, or for other prompts."""
    if type(new) is not type(old) or new.n != old.n:
        raise NotComparable(
            f"{type(new).__name__} of {new.n} and {type(old).__name__} of {old.n} are no two measurements of one number."
        )
    if isinstance(new, Quantile) and isinstance(old, Quantile):
        return ApartChange(new, old)
    if isinstance(new, RatioOfMeans) and isinstance(old, RatioOfMeans):
        return RatioChange(new, old)
    assert isinstance(new, Simple)
    assert isinstance(old, Simple)
    values, noise = new.values - old.values, new.floor.plus(old.floor)
    if isinstance(new, Proportion):
        return PairedDifference(values, 1.0, 0.0, noise)
    scale = new.scale if isinstance(new, RealMean) else 0.0
    return mean_of(values, _doubled(_bounds(new)), _clusters(new), noise, what=_what(new), scale=scale)


def unchanged(new: Values, old: Values, noise: float) -> bool:
    """Is every value [prompt] as it was, give or take what the machine adds to one? Whole numbers, such as 0 and 1, are not
    told from others by that: many stay the same by chance."""
    if not np.isfinite(new).all() or not np.isfinite(old).all() or (old == np.rint(old)).all():
        return False
    return bool((np.abs(new - old) <= max(noise, ROUNDING * float(np.abs(old).max()))).all())


class RatioChange:
    """r' - r for two ratios of means of the same prompts. One prompt adds (a' - r' b') / mean b' - (a - r b) / mean b to it,
    each linearised at its own estimate (its influence values: Efron & Tibshirani 1993, ch. 21). Values linearised at one
    threshold would not do: a model that is only more confident would move."""

    def __init__(self, new: RatioOfMeans, old: RatioOfMeans) -> None:
        self.new, self.old = new, old
        self._mean = self._influences()

    @property
    def value(self) -> float:
        return self.new.value - self.old.value

    @property
    def n(self) -> int:
        return self.new.n

    @property
    def noise(self) -> float:
        return self.new.noise + self.old.noise

    @property
    def words(self) -> str:
        return "change of a ratio of two means, by the influence of each prompt"

    def interval(self, level: Level) -> Interval:
        if self.undefined(level):
            return Interval(-math.inf, math.inf, "none: a denominator is not above 0")
        found = self._mean.interval(level)
        return replace(found, method=f"influence values, {found.method}")

    def side(self, threshold: float, level: Level) -> int:
        return 0 if self.undefined(level) else self._mean.side(threshold, level)

    def undefined(self, level: Level) -> str | None:
        for when, each in (("before", self.old), ("now", self.new)):
            problem = each.undefined(level)
            if problem:
                return f"{when}: {problem}"
        return None

    def problem(self, level: Level) -> str | None:
        return self.undefined(level) or self._mean.problem(level)

    def hopeless(self, level: Level) -> bool:
        return self.new.hopeless(level) or self.old.hopeless(level)

    def saturated(self) -> bool:
        return self._mean.saturated()

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:
        return self._mean.spread(threshold, level)

    def martingale(self, level: Level) -> bool:  # noqa: ARG002
        return False

    def unseen(self, edges: Edges, level: Level) -> Unseen | None:
        return self._mean.unseen(edges, level)

    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]:
        return () if self.undefined(level) else self._mean.warnings(edges, level)

    def notes(self, level: Level) -> tuple[str, ...]:
        return self._mean.notes(level)

    def _influences(self) -> Simple:
        """With the value as their mean."""
        (new, at), (old, was) = _influence(self.new), _influence(self.old)
        bounds = None
        if at is not None and was is not None:
            bounds = self.value + at[0] - was[1], self.value + at[1] - was[0]
        noise = Noise(self.noise, math.inf)
        return mean_of(self.value + new - old, bounds, self.new.clusters, noise, what=self.new.what, scale=abs(self.value))


class ApartChange:
    """The change of a number that has no value on one prompt, such as a median: what the two intervals, each with half of
    the error, leave of it. It is wider than a paired one would be."""

    def __init__(self, new: Simple, old: Simple) -> None:
        self.new, self.old = new, old

    @property
    def value(self) -> float:
        return self.new.value - self.old.value

    @property
    def n(self) -> int:
        return self.new.n

    @property
    def noise(self) -> float:
        return self.new.noise + self.old.noise

    @property
    def words(self) -> str:
        return "difference of two intervals, each with half of the error"

    def interval(self, level: Level) -> Interval:
        half = replace(level, tail=level.tail / 2, alpha=level.alpha / 2)
        new, old = self.new.interval(half), self.old.interval(half)
        return Interval(new.low - old.high, new.high - old.low, f"difference of two intervals, {new.method}")

    def side(self, threshold: float, level: Level) -> int:
        return side_of(self.interval(level), threshold)

    def undefined(self, level: Level) -> str | None:
        return self.new.undefined(level) or self.old.undefined(level)

    def problem(self, level: Level) -> str | None:
        return self.new.problem(level) or self.old.problem(level)

    def hopeless(self, level: Level) -> bool:
        return self.new.hopeless(level)

    def saturated(self) -> bool:
        return self.new.saturated()

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:  # noqa: ARG002
        return math.nan, math.nan

    def martingale(self, level: Level) -> bool:  # noqa: ARG002
        return False

    def unseen(self, edges: Edges, level: Level) -> Unseen | None:  # noqa: ARG002
        return None

    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def notes(self, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        return ()


def _influence(ratio: RatioOfMeans) -> tuple[Values, Bounds | None]:
    """What each prompt adds to a ratio, and between which ends that lies where the supports tell."""
    r, below = ratio.value, ratio.mean(ratio.denominator)
    values = (ratio.numerator - r * ratio.denominator) / (below or math.nan)
    if ratio.bounds is None or not below > 0:
        return values, None
    (low, high), denominator = ratio.bounds
    ends = low - max(r * end for end in denominator), high - min(r * end for end in denominator)
    return values, (ends[0] / below, ends[1] / below)


def _bounds(of: Simple) -> Bounds | None:
    if isinstance(of, PairedDifference):
        return of.offset - abs(of.scale), of.offset + abs(of.scale)
    return (of.low, of.high) if isinstance(of, BoundedMean | ClusteredBounded) else None


def _doubled(bounds: Bounds | None) -> Bounds | None:
    """Of the difference of two values within `bounds`."""
    return None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])


def _clusters(of: Simple) -> Clusters | None:
    return of.clusters if isinstance(of, ClusteredMean | ClusteredBounded) else None


def _what(of: Simple) -> str:
    return of.what if isinstance(of, RealMean) else "prompts"
