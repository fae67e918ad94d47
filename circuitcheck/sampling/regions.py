"""What a claim says of a number, and what shows it: a region is judged by asking on which side of its ends the number is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Side = Callable[[float], int]  # threshold -> +1 shown above it, -1 shown below it, 0 neither


class Region(Protocol):
    """`judge` gives True (shown inside), False (shown outside) or None."""

    @property
    def relation(self) -> str: ...
    @property
    def threshold(self) -> float: ...
    @property
    def margin(self) -> float | None: ...
    def judge(self, side: Side) -> bool | None: ...
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

    def judge(self, side: Side) -> bool | None:
        return {-1: True, 1: False}.get(side(self.threshold))

    def holds(self, value: float) -> bool:
        return value <= self.threshold if self.relation == "<=" else value < self.threshold

    def contradiction(self, value: float) -> float:
        return value - self.threshold


@dataclass(frozen=True)
class Above:
    threshold: float
    relation: str = ">"
    margin: None = None

    def judge(self, side: Side) -> bool | None:
        return {1: True, -1: False}.get(side(self.threshold))

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

    def judge(self, side: Side) -> bool | None:
        low, high = side(self.threshold - self.margin), side(self.threshold + self.margin)
        if low == 1 and high == -1:
            return True
        return False if low == -1 or high == 1 else None

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

    def judge(self, side: Side) -> bool | None:
        inside = Within(self.threshold, self.margin).judge(side)
        return None if inside is None else not inside

    def holds(self, value: float) -> bool:
        return not Within(self.threshold, self.margin).holds(value)

    def contradiction(self, value: float) -> float:
        return self.margin - abs(value - self.threshold)
