"""Metrics of a dictionary's features, and of how well the dictionary fits."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from circuitcheck.places.positions import At, Position
from circuitcheck.places.sites import Site
from circuitcheck.plan.dictionaries import DictionaryRef, Features
from circuitcheck.plan.metrics.protocol import MetricBase, Support


class _ThroughDictionary(MetricBase):
    """What looks at one token `at` through a dictionary."""

    at: Position
    tokens: ClassVar[Literal["none"]] = "none"

    @property
    def through(self) -> DictionaryRef:
        raise NotImplementedError

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return (self.through.reads,)

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.at,)

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:  # type: ignore[override]
        return (self.through,)


@dataclass(frozen=True)
class _OfFeatures(_ThroughDictionary):
    features: Features
    at: Position

    @property
    def through(self) -> DictionaryRef:
        return self.features.dictionary


@dataclass(frozen=True)
class FeatureActivation(_OfFeatures):
    """The activation of one feature at one token; of several, their sum."""

    support: ClassVar[Support] = "real"

    @property
    def name(self) -> str:
        return f"activation of {self.features} at {self.at}"


@dataclass(frozen=True)
class FeatureFires(_OfFeatures):
    """1 where every one of the features is active (not 0) at one token, else 0."""

    support: ClassVar[Support] = "binary"

    @property
    def name(self) -> str:
        return f"{self.features} {'fires' if len(self.features.numbers) == 1 else 'fire together'} at {self.at}"


@dataclass(frozen=True)
class ActiveFeatures(_ThroughDictionary):
    """How many of a dictionary's features are active at one token: L0."""

    dictionary: DictionaryRef
    at: Position
    support: ClassVar[Support] = (0.0, math.inf)

    @property
    def through(self) -> DictionaryRef:
        return self.dictionary

    @property
    def name(self) -> str:
        return f"L0 of {self.dictionary} at {self.at}"


@dataclass(frozen=True)
class ReconstructionError(ActiveFeatures):
    """The squared distance of what a dictionary makes of its site from the value there, at one token."""

    @property
    def name(self) -> str:
        return f"squared error of {self.dictionary} at {self.at}"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys((self.dictionary.reads, self.dictionary.writes)))
