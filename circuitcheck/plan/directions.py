"""Directions in the residual stream, as data: what they are the difference of. An engine works them out, once."""

from dataclasses import dataclass
from typing import Literal, Protocol

from circuitcheck.digest import digest
from circuitcheck.plan.positions import Position
from circuitcheck.plan.references import ModelRef
from circuitcheck.plan.site_kinds import KindName
from circuitcheck.prompts import PromptSource


class Direction(Protocol):
    """One vector [d_model] for each of `layers`, for the residual streams `kind` of one model."""

    @property
    def model(self) -> ModelRef: ...
    @property
    def kind(self) -> KindName: ...
    @property
    def layers(self) -> tuple[int, ...]: ...
    @property
    def digest(self) -> str: ...
    def describe(self) -> str:
        """In words."""
        ...


@dataclass(frozen=True, repr=False)
class MeanDifference:
    """For each layer, the mean over `n` prompts of a stream of the value at one position minus the mean at another."""

    task: PromptSource
    model: ModelRef
    kind: KindName
    layers: tuple[int, ...]
    at: Position
    minus: Position
    n: int
    stream: Literal["discovery", "reference"]
    seed: int

    @property
    def digest(self) -> str:
        names = (self.kind, self.layers, str(self.at), str(self.minus), self.n, self.stream, self.seed)
        return digest(("mean difference", self.task.digest, self.model.fingerprint, names))

    def describe(self) -> str:
        """In words."""
        return (
            f"mean difference {self.at} - {self.minus} of {self.kind} (n={self.n}, {self.task.name}, {self.stream} stream)"
        )

    def __repr__(self) -> str:
        return f"<{self.describe()}>"


@dataclass(frozen=True, repr=False)
class RandomLike:
    """For each layer of `like`, a vector of the same norm in a direction drawn uniformly."""

    like: Direction
    seed: int

    @property
    def model(self) -> ModelRef:
        return self.like.model

    @property
    def kind(self) -> KindName:
        return self.like.kind

    @property
    def layers(self) -> tuple[int, ...]:
        return self.like.layers

    @property
    def digest(self) -> str:
        return digest(("random direction", self.like.digest, self.seed))

    def describe(self) -> str:
        """In words."""
        return f"random direction {self.seed} with the norms of the {self.like.describe()}"

    def __repr__(self) -> str:
        return f"<{self.describe()}>"
