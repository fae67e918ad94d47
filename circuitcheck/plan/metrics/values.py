"""Metrics of what sites hold: attention, norms, activations."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from circuitcheck.places.positions import At, Position
from circuitcheck.places.sites import Site
from circuitcheck.places.units import Head
from circuitcheck.plan.metrics.protocol import MetricBase, Support


@dataclass(frozen=True)
class Attention(MetricBase):
    """What a head's attention pattern gives from the token `query` to the token `key`: between 0 and 1. Over a span of keys
    the sum, over a span of queries the mean."""

    head: Head
    query: Position
    key: Position
    tokens: ClassVar[Literal["none"]] = "none"
    support: ClassVar[Support] = (0.0, 1.0)

    @property
    def name(self) -> str:
        return f"attention of {self.head} from {self.query} to {self.key}"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return (Site("pattern", self.head.layer, self.head.head),)

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.query, self.key)


@dataclass(frozen=True)
class _OfSite(MetricBase):
    site: Site
    at: Position
    tokens: ClassVar[Literal["none"]] = "none"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return (self.site,)

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.at,)


@dataclass(frozen=True)
class Norm(_OfSite):
    """The Euclidean norm of a site's value at one token."""

    support: ClassVar[Support] = (0.0, math.inf)

    @property
    def name(self) -> str:
        return f"norm of {self.site} at {self.at}"


@dataclass(frozen=True)
class Activation(_OfSite):
    """The activation of one neuron at one token."""

    support: ClassVar[Support] = "real"

    @property
    def name(self) -> str:
        return f"activation of {self.site} at {self.at}"


@dataclass(frozen=True)
class Showing(MetricBase):
    """No number: what a run shows at END and at `shown`, for who looks at tensors."""

    shown: tuple[Site, ...] = ()
    name: ClassVar[str] = "showing"
    tokens: ClassVar[Literal["none"]] = "none"
    support: ClassVar[Support] = "real"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return self.shown
