"""What a sample says of a number. One class for each kind of number, in the modules beside this one, each with the method
that suits it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling.design import Level
from circuitcheck.sampling.noise import NO_NOISE, Noise
from circuitcheck.sampling.unseen import Unseen
from circuitcheck.stats import Interval

Values = NDArray[np.float64]
Bounds = tuple[float, float]
Edges = tuple[float, ...]

ROUNDING = 1e-5  # per prompt, relative: what float32 may leave of a number that is the same on every prompt
_EXACT = "exact: every prompt that the claim is about was measured"


class Estimand(Protocol):
    """`value` from `n` prompts, with its `interval`, of which `noise` is what the machine may add; `words` say by which
    method, for readers.

    `side`: +1 if it is shown above a threshold, -1 below, 0 neither. `undefined`: why the number means nothing, or None;
    `problem`: that, or why no verdict may be given. `hopeless`: no further prompt could help; `saturated`: it would hardly.
    `spread`: (distance from a threshold, standard deviation per prompt) for planning. `martingale`: is it judged by
    betting, so that a capital of 1 / alpha decides at level alpha? `unseen`: how many prompts may be unlike any seen, None
    for methods that allow for them.
    `warnings`, about a verdict for a region with these `edges`, and `notes`: what a reader must, and may want to, know.
    """

    @property
    def value(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def noise(self) -> float: ...
    @property
    def words(self) -> str: ...
    def side(self, threshold: float, level: Level) -> int: ...
    def interval(self, level: Level) -> Interval: ...
    def undefined(self, level: Level) -> str | None: ...
    def problem(self, level: Level) -> str | None: ...
    def hopeless(self, level: Level) -> bool: ...
    def saturated(self) -> bool: ...
    def spread(self, threshold: float, level: Level) -> tuple[float, float]: ...
    def martingale(self, level: Level) -> bool: ...
    def unseen(self, edges: Edges, level: Level) -> Unseen | None: ...
    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]: ...
    def notes(self, level: Level) -> tuple[str, ...]: ...


def side_of(interval: Interval, threshold: float) -> int:
    """A threshold on the edge of the interval is not excluded by it."""
    if interval.low > threshold:
        return 1
    return -1 if interval.high < threshold else 0


def exact_interval(value: float, noise: float = 0.0) -> Interval:
    return Interval(value, value, _EXACT).widened(noise)


class Simple:
    """An estimand whose verdict is read off its interval, which noise widens."""

    _words = ""

    def __init__(self, values: Values, noise: Noise = NO_NOISE) -> None:
        self.values, self.floor = values, noise

    @property
    def value(self) -> float:
        return float(self.values.mean())

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def noise(self) -> float:
        return self.floor.mean

    @property
    def words(self) -> str:
        return self._words

    def interval(self, level: Level) -> Interval:
        if level.census:
            return exact_interval(self.value, self.noise)
        return self._interval(level).widened(self.noise)

    def _interval(self, level: Level) -> Interval:
        raise NotImplementedError

    def side(self, threshold: float, level: Level) -> int:
        return side_of(self.interval(level), threshold)

    def undefined(self, level: Level) -> str | None:  # noqa: ARG002
        return None

    def problem(self, level: Level) -> str | None:
        return self.undefined(level)

    def hopeless(self, level: Level) -> bool:  # noqa: ARG002
        return False

    def saturated(self) -> bool:
        return False

    def martingale(self, level: Level) -> bool:  # noqa: ARG002
        return False

    def spread(self, threshold: float, level: Level) -> tuple[float, float]:  # noqa: ARG002
        return self._distance(threshold), float(self.values.std())

    def _distance(self, threshold: float) -> float:
        return max(0.0, abs(self.value - threshold) - self.noise)

    def unseen(self, edges: Edges, level: Level) -> Unseen | None:  # noqa: ARG002
        return None

    def warnings(self, edges: Edges, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def notes(self, level: Level) -> tuple[str, ...]:  # noqa: ARG002
        return ()
