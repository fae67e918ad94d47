"""The result type that every interval method returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A confidence interval `[low, high]`; either end may be infinite. `method` names how it was made."""

    low: float
    high: float
    method: str

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
