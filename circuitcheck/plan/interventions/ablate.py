"""Ablation: the values of sites replaced by what they would be without the prompt's own information."""

from dataclasses import dataclass, replace
from typing import Literal

from circuitcheck.places.positions import At
from circuitcheck.places.sites import Part, Site, parts_of, with_parts
from circuitcheck.plan.interventions.protocol import (
    InterventionBase,
    Need,
    PickCounterfactual,
    Resample,
    StreamMean,
    listed,
    where,
)
from circuitcheck.prompts import MeanBy

Kind = Literal["zero", "mean", "counterfactual", "resample"]
KINDS: tuple[Kind, ...] = ("zero", "mean", "counterfactual", "resample")


@dataclass(frozen=True)
class Ablate(InterventionBase):
    """Replace the values of `sites` at the positions `at` by zero, a mean, or their values in a counterfactual or in
    another prompt, which shares the slots `matching`.

    `source` names the counterfactual, None until bound to a task. `stream` is set by binding a mean or resample ablation.
    """

    sites: tuple[Site, ...]
    kind: Kind
    at: At
    source: str | None = None
    n: int = 256
    matching: tuple[str, ...] = ()
    stream: StreamMean | Resample | None = None
    allow_vacuous: bool = False

    @property
    def needs(self) -> tuple[Need, ...]:
        if self.kind == "zero":
            return ()
        source = self.source if self.kind == "counterfactual" else self.stream
        if source is None:
            raise ValueError(f"{self.describe()} is not bound to a task yet")
        return tuple(Need(site, self.at, source) for site in self.sites)

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((site, self.at) for site in self.sites)

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return (parts_of(self.sites),)

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "Ablate":
        sites = with_parts(self.sites, old, new)
        return self if sites == self.sites else replace(self, sites=sites, allow_vacuous=True)

    def describe(self) -> str:
        source = f" ({self.source})" if self.kind == "counterfactual" and self.source else ""
        size = f" (n={self.n})" if self.kind in ("mean", "resample") and self.n != Ablate.n else ""
        same = f" (matching {', '.join(self.matching)})" if self.matching else ""
        return f"{self.kind}{source}{same}{size} ablation of {listed(self.sites)} {where(self.at)}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "Ablate":
        if self.kind == "mean":
            return replace(self, stream=StreamMean(task, self.n, seed, mean_by))
        if self.kind == "resample":
            return replace(self, stream=Resample(task, self.n, seed, mean_by, self.matching))
        if self.kind == "counterfactual":
            return replace(self, source=counterfactual(self.source, self.describe()))
        return self
