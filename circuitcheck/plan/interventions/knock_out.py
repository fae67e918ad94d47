"""Attention knock-out: some tokens may no longer attend to some others (Geva et al. 2023, arXiv:2304.14767)."""

from dataclasses import dataclass, replace

from circuitcheck.plan.interventions.protocol import Unbound, listed, where
from circuitcheck.plan.positions import At
from circuitcheck.plan.sites import Site
from circuitcheck.plan.units import Head, Unit


@dataclass(frozen=True)
class KnockOut(Unbound):
    """The scores of `heads` from the queries `query` to the keys `key` become minus infinity, so that their attention
    goes to the other keys, in proportion. `key` has positions always: with no key left, a softmax means nothing."""

    heads: tuple[Head, ...]
    query: At
    key: At
    allow_vacuous: bool = False

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((Site("scores", head.layer, head.head), self.query) for head in self.heads)

    @property
    def looks_at(self) -> tuple[At, ...]:
        return (self.query, self.key)

    @property
    def unit_sets(self) -> tuple[tuple[Unit, ...], ...]:
        return (self.heads,)

    def swap_units(self, old: tuple[Unit, ...], new: tuple[Unit, ...]) -> "KnockOut":
        if self.heads != old:
            return self
        return replace(self, heads=tuple(unit for unit in new if isinstance(unit, Head)), allow_vacuous=True)

    def describe(self) -> str:
        return (
            f"knock-out of the attention of {listed(self.heads)} from queries {where(self.query)} to keys {where(self.key)}"
        )
