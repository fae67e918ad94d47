"""Activation patching: values of another run of the same prompt, written into this one."""

from dataclasses import dataclass, replace

from circuitcheck.plan.interventions.protocol import MeanBy, Need, PickCounterfactual, Unbound, listed, where
from circuitcheck.plan.positions import At
from circuitcheck.plan.references import CLEAN
from circuitcheck.plan.sites import HEAD_KINDS, KEY_VALUE_KINDS, Site
from circuitcheck.plan.units import Head, Unit


@dataclass(frozen=True)
class Patch(Unbound):
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
    def looks_at(self) -> tuple[At, ...]:
        return (self.at,)

    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]:
        """The heads, where sites of one kind of theirs are patched."""
        kinds = {site.kind for site in self.sites}
        of_heads = len(kinds) == 1 and kinds < set(HEAD_KINDS) - set(KEY_VALUE_KINDS)
        if not of_heads or any(site.index is None for site in self.sites):
            return ()
        return (tuple(Head(site.layer, site.index) for site in self.sites if site.index is not None),)

    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> "Patch":
        if self.unit_sets != (old,):
            return self
        kind = self.sites[0].kind
        sites = tuple(Site(kind, unit.layer, unit.head) for unit in new if isinstance(unit, Head))
        return replace(self, sites=sites, allow_vacuous=True)

    def describe(self) -> str:
        return f"patch of {listed(self.sites)} {where(self.at)} from {self.source or 'the counterfactual'}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "Patch":  # noqa: ARG002
        return self if self.source == CLEAN else replace(self, source=counterfactual(self.source, self.describe()))
