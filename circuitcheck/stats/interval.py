"""The result type that every interval method returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A confidence interval `[low, high]`; either end may be infinite. `method` names how it was made, `assumptions` what
    it takes for granted (empty where it is exact)."""

    low: float
    high: float
    method: str
    assumptions: tuple[str, ...] = ()

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def hull(self, other: "Interval", method: str) -> "Interval":
        """The smallest interval that holds both: valid where either is."""
        assumptions = tuple(each for each in self.assumptions if each in other.assumptions)
        return Interval(min(self.low, other.low), max(self.high, other.high), method, assumptions)

    def widened(self, margin: float) -> "Interval":
        return Interval(self.low - margin, self.high + margin, self.method, self.assumptions)
