"""Metrics that are 1 or 0: several of them at once, and what a corpus says of a token."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from circuitcheck.places.positions import At, Position, named_in
from circuitcheck.places.sites import Site
from circuitcheck.plan.dictionaries import DictionaryRef
from circuitcheck.plan.metrics.protocol import Metric, MetricBase, Support


@dataclass(frozen=True)
class Both(MetricBase):
    """1 where each of several 0/1 metrics is 1, in the same run, else 0."""

    metrics: tuple[Metric, ...]
    tokens: ClassVar[Literal["none"]] = "none"
    support: ClassVar[Support] = "binary"

    @property
    def name(self) -> str:
        return " and ".join(each.name for each in self.metrics)

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys(site for each in self.metrics for site in each.sites))

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        found: dict[Position, None] = {}
        for each in self.metrics:
            found |= dict.fromkeys(named_in(each.looks_at))
        return tuple(found)

    @property
    def dictionaries(self) -> tuple[DictionaryRef, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys(ref for each in self.metrics for ref in each.dictionaries))


@dataclass(frozen=True)
class Marked(MetricBase):
    """1 where a corpus marks the token at END so, else 0: `cc.corpus(..., marks={"quote": cc.after('!"')})`."""

    mark: str
    tokens: ClassVar[Literal["none"]] = "none"
    support: ClassVar[Support] = "binary"

    @property
    def name(self) -> str:
        return f"marked {self.mark}"
