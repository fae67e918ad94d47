"""Steering: a direction added to the residual stream, subtracted from it, or projected out of it."""

from dataclasses import dataclass
from typing import Literal

from circuitcheck.digest import digest
from circuitcheck.places.positions import At
from circuitcheck.places.sites import Site
from circuitcheck.plan.directions import Direction
from circuitcheck.plan.interventions.protocol import InterventionBase, where

Mode = Literal["add", "subtract", "project_out"]


@dataclass(frozen=True)
class Steer(InterventionBase):
    """`scale` times the direction's vector of each of `layers` is added or subtracted there, or the component along it is
    taken out. At several layers the doses accumulate: each lands on a stream that already holds the earlier ones."""

    direction: Direction
    mode: Mode
    at: At
    layers: tuple[int, ...]
    scale: float = 1.0
    allow_vacuous: bool = False

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return tuple((Site(self.direction.kind, layer), self.at) for layer in self.layers)

    @property
    def looks_at(self) -> tuple[At, ...]:
        return (self.at,)

    @property
    def digest(self) -> str:
        return digest(("steer", self.direction.digest, self.mode, self.at, self.layers, self.scale, self.allow_vacuous))

    def describe(self) -> str:
        verb = {"add": "adding", "subtract": "subtracting", "project_out": "projecting out"}[self.mode]
        times = "" if self.scale == 1 else f"{self.scale:g} times "
        layers = ", ".join(f"L{layer}" for layer in self.layers)
        dose = ", doses accumulating" if len(self.layers) > 1 and self.mode != "project_out" else ""
        return f"{verb} {times}the {self.direction.describe()} {where(self.at)} in {layers}{dose}"
