"""What a sample says of a number: one class for each kind of number, each with the method that suits it."""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from circuitcheck import stats
from circuitcheck.sampling.design import Level
from circuitcheck.stats import Interval

_TIES_NEED = 64
_SKEWED = 2.0
_SEARCH_STEPS = 60
_ROUNDING = 1e-12
_EQUAL = 1e-6  # per prompt, relative: what float32 and a change of batch may leave
_NO_TASK = "the model does not do the task"

Values = NDArray[np.float64]


class Estimand(Protocol):
    """`value` from `n` prompts, with its `interval`. `side`: +1 if it is shown above a threshold, -1 below, 0 neither.
    `problem`: why no verdict may be given at this level, or None. `equals`: is the number this value on every prompt, to
    rounding? `hopeless`: no further prompt could help. `spread`: (distance from a threshold, standard deviation per prompt)
    for planning. `warnings`: what a reader should know."""

    @property
    def value(self) -> float: ...
    @property
    def n(self) -> int: ...
    def side(self, threshold: float, level: Level) -> int: ...
    def interval(self, level: Level) -> Interval: ...
    def problem(self, level: Level) -> str | None: ...
    def equals(self, value: float, level: Level) -> bool: ...
    def hopeless(self, level: Level) -> bool: ...
    def spread(self, threshold: float) -> tuple[float, float]: ...
    def warnings(self) -> tuple[str, ...]: ...


def side_of(interval: Interval, threshold: float) -> int:
    """A threshold on the edge of the interval is not excluded by it."""
    if interval.low > threshold:
        return 1
    return -1 if interval.high < threshold else 0


class _Simple:
    """An estimand whose verdict is read off its interval."""

    def __init__(self, values: Values) -> None:
        self.values = values

    @property
    def value(self) -> float:
        return float(self.values.mean())

    @property
    def n(self) -> int:
        return len(self.values)

    def interval(self, level: Level) -> Interval:
        if level.exact:
            return Interval(self.value, self.value, "exact: every prompt of the task was measured")
        return self._interval(level)

    def _interval(self, level: Level) -> Interval:
        raise NotImplementedError

    def side(self, threshold: float, level: Level) -> int:
        return side_of(self.interval(level), threshold)

    def problem(self, level: Level) -> str | None:  # noqa: ARG002
        return None

    def equals(self, value: float, level: Level) -> bool:  # noqa: ARG002
        return False

    def hopeless(self, level: Level) -> bool:  # noqa: ARG002
        return False

    def spread(self, threshold: float) -> tuple[float, float]:
        return abs(self.value - threshold), float(self.values.std())

    def warnings(self) -> tuple[str, ...]:
        return ()


class RealMean(_Simple):
    """The mean of real values: hull of t and Hall."""

    def _interval(self, level: Level) -> Interval:
        found = stats.skew_guarded(self.values, level.tail)
        return replace(found, method=f"{found.method} at the Kim-DeMets boundary") if level.sequential else found

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
        return bool(np.abs(self.values - value).max() <= _EQUAL * max(1.0, abs(value)))

    def warnings(self) -> tuple[str, ...]:
        skew = stats.skewness(self.values) if self.n > 1 else 0.0
        if abs(skew) <= _SKEWED:
            return ()
        return (f"skewness {skew:.1f}: beyond 2 the interval misses more often than its level says",)


class Proportion(_Simple):
    """The mean of 0/1 values: exact, Clopper-Pearson at one look and the beta-binomial sequence over several."""

    def _interval(self, level: Level) -> Interval:
        return proportion_interval(int(self.values.sum()), self.n, level)


@dataclass
class BoundedMean(_Simple):
    """The mean of values that lie in [low, high]: a betting sequence, valid at every look."""

    values: Values
    low: float
    high: float

    def _interval(self, level: Level) -> Interval:
        return stats.betting_interval(self.values, self.low, self.high, level.alpha)

    def side(self, threshold: float, level: Level) -> int:
        if level.exact:
            return super().side(threshold, level)
        return stats.betting_side(self.values, self.low, self.high, level.alpha, threshold)

    def problem(self, level: Level) -> str | None:
        found = self.interval(level)
        if found.low <= found.high:
            return None
        return f"the values drift: the first prompts show a mean above {found.low:.4g}, later ones below {found.high:.4g}"


class Quantile(_Simple):
    """A quantile of real values, by order statistics; over several looks by inverting the beta-binomial sequence."""

    def __init__(self, values: Values, q: float) -> None:
        super().__init__(values)
        self.q = q

    @property
    def value(self) -> float:
        return float(np.quantile(self.values, self.q))

    def _interval(self, level: Level) -> Interval:
        return stats.quantile_interval(self.values, self.q, lambda count, n: proportion_interval(count, n, level))

    def spread(self, threshold: float) -> tuple[float, float]:
        below = float((self.values < threshold).mean())
        return abs(below - self.q), math.sqrt(self.q * (1 - self.q))


Bounds = tuple[float, float]


@dataclass
class RatioOfMeans:
    """mean(numerator) / mean(denominator), by linearising: it exceeds r iff mean(numerator - r denominator) > 0, which
    holds only where the mean of the denominator is above 0. The interval holds every r that is not excluded so.

    `bounds` of numerator and denominator, where both have them, switch to the method for bounded values.
    """

    numerator: Values
    denominator: Values
    bounds: tuple[Bounds, Bounds] | None = None

    @property
    def value(self) -> float:
        below = float(self.denominator.mean())
        return float(self.numerator.mean()) / below if below else math.nan

    @property
    def n(self) -> int:
        return len(self.numerator)

    def side(self, threshold: float, level: Level) -> int:
        return self._linear(threshold).side(0.0, level)

    def interval(self, level: Level) -> Interval:
        if level.exact:
            return Interval(self.value, self.value, "exact: every prompt of the task was measured")
        method = f"linearised ratio, {self._linear(0.0).interval(level).method}"
        if self.problem(level):
            return Interval(-math.inf, math.inf, method)
        return Interval(self._end(+1, level), self._end(-1, level), method)

    def problem(self, level: Level) -> str | None:
        weak = self._weak_denominator(level)
        if weak or level.exact:
            return weak
        residual = self._linear(self.value)
        if np.ptp(residual.values) <= _ROUNDING * self._denominator().value:
            return f"the ratio is {self.value:.6g} on each of {self.n} prompts: no spread to take an interval from"
        return residual.problem(level)

    def equals(self, value: float, level: Level) -> bool:
        if self._weak_denominator(level):
            return False
        residual = np.abs(self.numerator - value * self.denominator).max()
        return bool(residual <= _EQUAL * self._denominator().value)

    def hopeless(self, level: Level) -> bool:
        return self._denominator().interval(level).high < 0

    def spread(self, threshold: float) -> tuple[float, float]:
        return self._linear(threshold).spread(0.0)

    def warnings(self) -> tuple[str, ...]:
        return self._linear(self.value).warnings() if math.isfinite(self.value) else ()

    def _weak_denominator(self, level: Level) -> str | None:
        denominator = self._denominator()
        found = denominator.interval(level)
        if found.low > 0:
            return None
        shown = f"mean {denominator.value:.4g}" + ("" if level.exact else f" in [{found.low:.4g}, {found.high:.4g}]")
        return f"{_NO_TASK}: the denominator, {shown}, is not shown to be above 0"

    def _linear(self, r: float) -> "RealMean | BoundedMean":
        values = self.numerator - r * self.denominator
        if self.bounds is None:
            return RealMean(values)
        (low, high), denominator = self.bounds
        low, high = low - max(r * end for end in denominator), high - min(r * end for end in denominator)
        return BoundedMean(values, low, high)

    def _denominator(self) -> "RealMean | BoundedMean":
        return RealMean(self.denominator) if self.bounds is None else BoundedMean(self.denominator, *self.bounds[1])

    def _end(self, wanted: int, level: Level) -> float:
        """The last r, going down (+1) or up (-1) from the estimate, that is not excluded."""
        inside, step = self.value, 1e-3 * max(1.0, abs(self.value))
        for _ in range(_SEARCH_STEPS):
            outside = self.value - wanted * step
            if self.side(outside, level) == wanted:
                break
            inside, step = outside, step * 2
        else:
            return -wanted * math.inf
        for _ in range(_SEARCH_STEPS):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if self.side(middle, level) == wanted else (middle, outside)
        return inside


def proportion_interval(successes: int, n: int, level: Level) -> Interval:
    """Exact, whether there is one look or many."""
    if level.sequential:
        return stats.beta_binomial_sequence(successes, n, level.alpha)
    return stats.clopper_pearson(successes, n, level.alpha)
