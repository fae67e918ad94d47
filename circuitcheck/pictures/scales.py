"""From numbers to pixels, and the round numbers beside them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """`low` lies at pixel `start`, `high` at `end`; numbers beyond are put at the nearer end."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float, *, room: float = 0.05) -> "Scale":
        """Of all values, with some room on both sides: a share of what they span."""
        given = list(values)
        low, high = min(given), max(given)
        span = (high - low) or 1.0
        return cls(low - room * span, high + room * span, start, end)

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * share

    @property
    def ticks(self) -> list[float]:
        return ticks(self.low, self.high)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, `most` at most, evenly spaced."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low] if math.isfinite(low) else []
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * each for each in (1, 2, 5, 10, 20) if span / (power * each) <= most - 1)
    first = math.ceil(low / step - 1e-9)
    return [round(each * step, 12) for each in range(first, math.floor(high / step + 1e-9) + 1)]
