"""Ablation: the outputs of units replaced by what they would be without the prompt's own information."""

from dataclasses import dataclass, replace
from typing import Literal

from circuitcheck.plan.interventions.protocol import (
    MeanBy,
    Need,
    PickCounterfactual,
    Resample,
    StreamMean,
    Unbound,
    listed,
    where,
)
from circuitcheck.plan.positions import At
from circuitcheck.plan.sites import Site, site_of
from circuitcheck.plan.units import Unit

Kind = Literal["zero", "mean", "counterfactual", "resample"]
KINDS: tuple[Kind, ...] = ("zero", "mean", "counterfactual", "resample")


@dataclass(frozen=True)
class Ablate(Unbound):
    """Replace the outputs of `units` at the positions `at` by zero, a mean, or their values in a counterfactual or in
    another prompt, which shares the slots `matching`.

    `source` names the counterfactual, None until bound to a task. `stream` is set by binding a mean or resample ablation.
    """

    units: tuple[Unit, ...]
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
        return tuple(Need(site_of(unit), self.at, source) for unit in self.units)

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((site_of(unit), self.at) for unit in self.units)

    @property
    def looks_at(self) -> tuple[At, ...]:
        return (self.at,)

    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]:
        return (self.units,)

    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> "Ablate":
        return replace(self, units=new, allow_vacuous=True) if self.units == old else self

    def describe(self) -> str:
        source = f" ({self.source})" if self.kind == "counterfactual" and self.source else ""
        size = f" (n={self.n})" if self.kind in ("mean", "resample") and self.n != Ablate.n else ""
        same = f" (matching {', '.join(self.matching)})" if self.matching else ""
        return f"{self.kind}{source}{same}{size} ablation of {listed(self.units)} {where(self.at)}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "Ablate":
        if self.kind == "mean":
            return replace(self, stream=StreamMean(task, self.n, seed, mean_by))
        if self.kind == "resample":
            return replace(self, stream=Resample(task, self.n, seed, mean_by, self.matching))
        if self.kind == "counterfactual":
            return replace(self, source=counterfactual(self.source, self.describe()))
        return self
