"""Places in the computation, named by what they mean and never by a library's hook."""

from dataclasses import dataclass
from typing import Literal

from circuitcheck.plan.units import AttnLayer, Head, Unit

SiteKind = Literal["z", "attn_out", "mlp_out"]


@dataclass(frozen=True, order=True)
class Site:
    """`z`: a head's output before the output projection (`index` is the head; [pos, d_head] for each prompt).
    `attn_out`, `mlp_out`: what the attention or MLP layer adds to the residual stream ([pos, d_model])."""

    kind: SiteKind
    layer: int
    index: int | None = None

    def __str__(self) -> str:
        return f"L{self.layer}{'' if self.index is None else f'H{self.index}'}.{self.kind}"


def site_of(unit: Unit) -> Site:
    """The site whose value is the unit's output."""
    if isinstance(unit, Head):
        return Site("z", unit.layer, unit.head)
    return Site("attn_out" if isinstance(unit, AttnLayer) else "mlp_out", unit.layer)
