"""Path patching (Wang et al. 2022, arXiv:2211.00593): what receivers read directly from senders, taken from another run."""

from dataclasses import dataclass, replace
from typing import ClassVar

from circuitcheck.places.positions import At
from circuitcheck.places.site_kinds import KindName
from circuitcheck.places.sites import Part, Site, parts_of, with_parts
from circuitcheck.plan.interventions.protocol import InterventionBase, Need, PickCounterfactual, listed, where
from circuitcheck.plan.references import CLEAN
from circuitcheck.prompts import MeanBy


@dataclass(frozen=True)
class PatchPath(InterventionBase):
    """What `receivers` read changes as if the `senders`, at the positions `sender_at`, had their values of the run called
    `source`, along the direct path: every other head and MLP keeps its output. The receivers take up what they then
    read at the positions `at`; everything after them runs as usual."""

    senders: tuple[Site, ...]
    receivers: tuple[Site, ...]
    at: At
    sender_at: At
    source: str | None = None
    allow_vacuous: bool = False
    freezes: ClassVar[tuple[KindName, ...]] = ("z", "mlp_out")

    @property
    def needs(self) -> tuple[Need, ...]:
        if self.source is None:
            raise ValueError(f"{self.describe()} is not bound to a task yet")
        return tuple(Need(site, self.sender_at, self.source) for site in self.senders)

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((site, self.at) for site in self.receivers)

    @property
    def looks_at(self) -> tuple[At, ...]:
        return (self.at, self.sender_at)

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return (parts_of(self.senders), parts_of(self.receivers))

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> "PatchPath":
        senders, receivers = (with_parts(sites, old, new) for sites in (self.senders, self.receivers))
        if (senders, receivers) == (self.senders, self.receivers):
            return self
        return replace(self, senders=senders, receivers=receivers, allow_vacuous=True)

    def describe(self) -> str:
        senders = f"{listed(self.senders)} {where(self.sender_at)}"
        receivers = f"{listed(self.receivers)} {where(self.at)}"
        return f"path patch of {senders} into {receivers} from {self.source or 'the counterfactual'}"

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "PatchPath":  # noqa: ARG002
        return self if self.source == CLEAN else replace(self, source=counterfactual(self.source, self.describe()))
