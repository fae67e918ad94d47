"""Activation patching: values of another run of the same prompt, written into this one."""

from dataclasses import dataclass, replace

from circuitcheck.places.positions import At
from circuitcheck.places.sites import Part, Site, parts_of, with_parts
from circuitcheck.plan.interventions.protocol import InterventionBase, Need, PickCounterfactual, listed, where
from circuitcheck.plan.references import CLEAN
from circuitcheck.prompts import MeanBy


@dataclass(frozen=True)
class Patch(InterventionBase):
    """Replace the values of `sites` at the positions `at` by those of the run called `source`: "clean", or a counterfactual
    (None until bound to a task: its first). Positions are those of the tokens, whose counts are the same in both runs."""

    sites: tuple[Site, ...]
    at: At
    source: str | None = None
    allow_vacuous: bool = False

    @property
    def needs(self) -> tuple[Need, ...]:
        if self.source is None:
            raise ValueError(f"{self.describe()} is not bound to a task yet")
        return tuple(Need(site, self.at, self.source) for site in self.sites)

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((site, self.at) for site in self.sites)

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return (parts_of(self.sites),)

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "Patch":
        sites = with_parts(self.sites, old, new)
        return self if sites == self.sites else replace(self, sites=sites, allow_vacuous=True)

    def describe(self) -> str:
        return f"patch of {listed(self.sites)} {where(self.at)} from {self.source or 'the counterfactual'}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "Patch":  # noqa: ARG002
        return self if self.source == CLEAN else replace(self, source=counterfactual(self.source, self.describe()))
