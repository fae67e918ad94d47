"""Directions in the residual stream, as data: what they are the difference of. An engine works them out, once."""

from dataclasses import dataclass
from typing import Protocol

from circuitcheck.digest import digest
from circuitcheck.places.positions import Position
from circuitcheck.places.site_kinds import KindName
from circuitcheck.plan.references import ModelRef
from circuitcheck.prompts import PromptStream


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
    """For each layer, the mean over the first `n` of `prompts` of the value at one position minus the mean at another."""

    prompts: PromptStream
    model: ModelRef
    kind: KindName
    layers: tuple[int, ...]
    at: Position
    minus: Position
    n: int

    @property
    def digest(self) -> str:
        names = (self.kind, self.layers, str(self.at), str(self.minus), self.n, self.prompts.stream, self.prompts.seed)
        return digest(("mean difference", self.prompts.task.digest, self.model.fingerprint, names))

    def describe(self) -> str:
        """In words."""
        of = f"(n={self.n}, {self.prompts.task.name}, {self.prompts.stream} stream)"
        return f"mean difference {self.at} - {self.minus} of {self.kind} {of}"

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


@dataclass(frozen=True, repr=False)
class GivenVector:
    """One vector that somebody has in hand, the same in each of `layers`: of a probe, say. `name` says what it is."""

    model: ModelRef
    kind: KindName
    layers: tuple[int, ...]
    vector: tuple[float, ...]
    name: str

    @property
    def digest(self) -> str:
        return digest(("given vector", self.model.fingerprint, self.kind, self.layers, self.vector))

    def describe(self) -> str:
        """In words."""
        return f"direction {self.name} of {self.kind}"

    def __repr__(self) -> str:
        return f"<{self.describe()}>"
