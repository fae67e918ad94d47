"""Attention knock-out: some tokens may no longer attend to some others (Geva et al. 2023, arXiv:2304.14767)."""

from dataclasses import dataclass, replace

from circuitcheck.places.positions import At
from circuitcheck.places.sites import Part, Site, parts_of, site_of, with_parts
from circuitcheck.places.units import AttnLayer, Head
from circuitcheck.plan.interventions.protocol import InterventionBase, listed, where


@dataclass(frozen=True)
class KnockOut(InterventionBase):
    """`scores` of heads, or of whole layers, from the queries `query` to the keys `key` become minus infinity, so that their
    attention goes to the other keys, in proportion. `key` has positions always: with no key left, a softmax means nothing.
    """

    scores: tuple[Site, ...]
    query: At
    key: At
    allow_vacuous: bool = False

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((site, self.query) for site in self.scores)

    @property
    def looks_at(self) -> tuple[At, ...]:
        return (self.query, self.key)

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return (parts_of(self.scores),)

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "KnockOut":
        scores = with_parts(self.scores, old, new)
        return self if scores == self.scores else replace(self, scores=scores, allow_vacuous=True)

    def describe(self) -> str:
        heads = listed(tuple(site_of(_whose(site)) for site in self.scores))
        return f"knock-out of the attention of {heads} from queries {where(self.query)} to keys {where(self.key)}"


def _whose(site: Site) -> Head | AttnLayer:
    return AttnLayer(site.layer) if site.index is None else Head(site.layer, site.index)
