"""What the values of several variables must be to each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol


class Constraint(Protocol):
    """Plain data with a digest."""

    @property
    def variables(self) -> tuple[str, ...]: ...
    def holds(self, values: Mapping[str, str]) -> bool: ...
    def describe(self) -> str: ...


@dataclass(frozen=True)
class Different:
    """No two of the variables have the same text."""

    variables: tuple[str, ...]

    def holds(self, values: Mapping[str, str]) -> bool:
        """Do these values, by variable, obey it?"""
        return len({values[name] for name in self.variables}) == len(self.variables)

    def describe(self) -> str:
        """In words."""
        return f"{', '.join(map(str, self.variables))} differ"


@dataclass(frozen=True)
class Increasing:
    """The variables are numbers, each larger than the one before."""

    variables: tuple[str, ...]

    def holds(self, values: Mapping[str, str]) -> bool:
        """Do these values, by variable, obey it?"""
        return all(float(values[one]) < float(values[other]) for one, other in pairwise(self.variables))

    def describe(self) -> str:
        """In words."""
        return " < ".join(map(str, self.variables))


def different(*variables: str) -> Different:
    """The texts of these variables differ. (Variables drawn from one pool always do.)"""
    return Different(variables)


def increasing(*variables: str) -> Increasing:
    """These variables hold numbers, each larger than the one before."""
    return Increasing(variables)
