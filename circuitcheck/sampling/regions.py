"""What a claim says of a number, and what shows it: a region is judged by asking on which side of its ends the number is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Side = Callable[[float], int]  # threshold -> +1 shown above it, -1 shown below it, 0 neither


class Region(Protocol):
    """`shown_inside` and `shown_outside` ask on which side of its ends the number is shown to be. `edges` are its ends."""

    @property
    def relation(self) -> str: ...
    @property
    def threshold(self) -> float: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def edges(self) -> tuple[float, ...]: ...
    def shown_inside(self, side: Side) -> bool: ...
    def shown_outside(self, side: Side) -> bool: ...
    def holds(self, value: float) -> bool:
        """Does the region hold a value that is known exactly?"""
        ...

    def contradiction(self, value: float) -> float:
        """How far `value` speaks against the claim; larger is worse."""
        ...


@dataclass(frozen=True)
class Below:
    threshold: float
    relation: str = "<"
    margin: None = None

    @property
    def edges(self) -> tuple[float, ...]:
        return (self.threshold,)

    def shown_inside(self, side: Side) -> bool:
        return side(self.threshold) == -1

    def shown_outside(self, side: Side) -> bool:
        return side(self.threshold) == 1

    def holds(self, value: float) -> bool:
        return value <= self.threshold if self.relation == "<=" else value < self.threshold

    def contradiction(self, value: float) -> float:
        return value - self.threshold


@dataclass(frozen=True)
class Above:
    threshold: float
    relation: str = ">"
    margin: None = None

    @property
    def edges(self) -> tuple[float, ...]:
        return (self.threshold,)

    def shown_inside(self, side: Side) -> bool:
        return side(self.threshold) == 1

    def shown_outside(self, side: Side) -> bool:
        return side(self.threshold) == -1

    def holds(self, value: float) -> bool:
        return value >= self.threshold if self.relation == ">=" else value > self.threshold

    def contradiction(self, value: float) -> float:
        return self.threshold - value


@dataclass(frozen=True)
class Within:
    """Equivalence: inside (threshold - margin, threshold + margin), by two one-sided tests (Schuirmann 1987)."""

    threshold: float
    margin: float
    relation: str = "=="

    @property
    def edges(self) -> tuple[float, ...]:
        return (self.threshold - self.margin, self.threshold + self.margin)

    def shown_inside(self, side: Side) -> bool:
        low, high = self.edges
        return side(low) == 1 and side(high) == -1

    def shown_outside(self, side: Side) -> bool:
        low, high = self.edges
        return side(low) == -1 or side(high) == 1

    def holds(self, value: float) -> bool:
        return abs(value - self.threshold) < self.margin

    def contradiction(self, value: float) -> float:
        return abs(value - self.threshold) - self.margin


@dataclass(frozen=True)
class Outside:
    """The complement of `Within`."""

    threshold: float
    margin: float
    relation: str = "!="

    @property
    def edges(self) -> tuple[float, ...]:
        return self._within.edges

    def shown_inside(self, side: Side) -> bool:
        return self._within.shown_outside(side)

    def shown_outside(self, side: Side) -> bool:
        return self._within.shown_inside(side)

    def holds(self, value: float) -> bool:
        return not self._within.holds(value)

    def contradiction(self, value: float) -> float:
        return self.margin - abs(value - self.threshold)

    @property
    def _within(self) -> Within:
        return Within(self.threshold, self.margin)


def region_of(relation: str, threshold: float, margin: float | None) -> Region:
    """The region that these words and numbers stand for. Raises ValueError where they are none."""
    if relation in ("<", "<=") and margin is None:
        return Below(threshold, relation)
    if relation in (">", ">=") and margin is None:
        return Above(threshold, relation)
    if relation in ("==", "!=") and margin is not None:
        return (Within if relation == "==" else Outside)(threshold, margin)
    raise ValueError(f"{relation} {threshold} with a margin of {margin} is no region")
