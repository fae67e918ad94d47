"""An intervention, metrics and a kind of site, as a user writes them."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from circuitcheck.ext import (
    InterventionBase,
    MetricBase,
    Site,
    SiteKind,
    Write,
    parse_at,
    place,
    register_kernel,
    register_readout,
)


@dataclass(frozen=True)
class Scale(InterventionBase):
    """`factor` times a head's output at END."""

    layer: int = 1
    head: int = 2
    factor: float = 2.0

    @property
    def writes(self):
        return ((Site("z", self.layer, self.head), parse_at("END")),)

    def describe(self):
        return f"{self.factor:g} times L{self.layer}H{self.head} at END"


@register_kernel(Scale)
def scale(intervention, batch, sources):
    ((site, at),) = intervention.writes
    where = place("z", [site.index], *batch.where(at))
    return [Write("z", site.layer, partial(scaled, where=where, factor=intervention.factor))]


def scaled(value, *, where, factor):
    new = value.clone()
    new[where] = factor * value[where]
    return new


@dataclass(frozen=True)
class Margin(MetricBase):
    """How far the largest logit is ahead of the second, times a constant."""

    times: float = 1.0
    name: ClassVar[str] = "margin"
    tokens: ClassVar[str] = "all"
    support: ClassVar[tuple[float, float]] = (0.0, float("inf"))


@register_readout(Margin)
def margin(metric, seen):
    first, second = seen.logits.topk(2, dim=1).values.T
    return metric.times * (first - second)


RAW = SiteKind(
    "attn_raw",
    "L5.attn_raw",
    "what the attention layer's module gives",
    ("pos", "d_model"),
    "in attention",
    ("blocks.{layer}.attn.hook_out",),
    "is added to the stream",
)
