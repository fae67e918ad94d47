"""Interventions as data. What an intervention does to tensors is a kernel, registered by its type in the engine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, runtime_checkable

from circuitcheck.digest import digest
from circuitcheck.plan.positions import At
from circuitcheck.plan.sites import Site, site_of
from circuitcheck.plan.units import Unit

Kind = Literal["zero", "mean", "counterfactual"]
MeanBy = Literal["template", "tokens"]
KINDS: tuple[Kind, ...] = ("zero", "mean", "counterfactual")
PickCounterfactual = Callable[[str | None, str], str]  # (name or None for the task's first, who asks) -> name


@dataclass(frozen=True)
class StreamMean:
    """The mean of a site over `n` prompts of a task's reference stream: `by` template (and token counts), position by
    position, or over all their tokens."""

    task: str
    n: int
    seed: int
    by: MeanBy = "template"


@dataclass(frozen=True)
class Need:
    """A value from another run. `source`: a counterfactual's name, or a mean over a stream."""

    site: Site
    at: At
    source: str | StreamMean


@runtime_checkable
class Intervention(Protocol):
    """A change to a run, as data. `bind` makes the parts explicit that depend on the task it is measured on.

    `unit_sets` are the sets of units that it acts on, each of which `swap_units` can replace as a whole: that is how a
    claim about some units is compared with the same claim about others. Swapped in units may turn out to do nothing.
    """

    @property
    def allow_vacuous(self) -> bool: ...
    @property
    def needs(self) -> tuple[Need, ...]: ...
    @property
    def writes(self) -> tuple[tuple[Site, At], ...]: ...
    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]: ...
    @property
    def digest(self) -> str: ...
    def describe(self) -> str: ...
    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> Self: ...
    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> Self: ...


@dataclass(frozen=True)
class Ablate:
    """Replace the outputs of `units` at the positions `at` by zero, a mean, or their counterfactual values.

    `source` names the counterfactual, None until bound to a task. `mean` is set by binding a mean ablation.
    """

    units: tuple[Unit, ...]
    kind: Kind
    at: At
    source: str | None = None
    n: int = 256
    mean: StreamMean | None = None
    allow_vacuous: bool = False

    @property
    def needs(self) -> tuple[Need, ...]:
        if self.kind == "zero":
            return ()
        source = self.mean if self.kind == "mean" else self.source
        if source is None:
            raise ValueError(f"{self.describe()} is not bound to a task yet")
        return tuple(Need(site_of(unit), self.at, source) for unit in self.units)

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((site_of(unit), self.at) for unit in self.units)

    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]:
        return (self.units,)

    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> "Ablate":
        return replace(self, units=new, allow_vacuous=True) if self.units == old else self

    @property
    def digest(self) -> str:
        return digest(self)

    def describe(self) -> str:
        where = "everywhere" if self.at is None else "at " + ", ".join(map(str, self.at))
        source = f" ({self.source})" if self.kind == "counterfactual" and self.source else ""
        size = f" (n={self.n})" if self.kind == "mean" and self.n != Ablate.n else ""
        return f"{self.kind}{source}{size} ablation of {', '.join(map(str, self.units))} {where}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "Ablate":
        if self.kind == "mean":
            return replace(self, mean=StreamMean(task, self.n, seed, mean_by))
        if self.kind == "counterfactual":
            return replace(self, source=counterfactual(self.source, self.describe()))
        return self
