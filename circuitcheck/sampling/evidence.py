"""How strong the evidence is, for looking at many claims at once. A verdict never depends on it."""

import math
from dataclasses import dataclass, replace

from circuitcheck.sampling.decision import judge
from circuitcheck.sampling.design import Design
from circuitcheck.sampling.estimands import Estimand
from circuitcheck.sampling.regions import Region
from circuitcheck.stats import e_value_of

_LARGEST, _SMALLEST = 0.499, 1e-12
_STEPS = 30


@dataclass(frozen=True)
class Evidence:
    """`p`: the smallest two-sided error at which the same data give the same verdict, so that a claim is decided at
    confidence c where p <= 1 - c; valid at any look (a repeated p-value: Jennison & Turnbull 2000, ch. 9). `e`: an e-value
    for it at stopping."""

    p: float
    e: float


NONE = Evidence(1.0, 0.0)
CERTAIN = Evidence(0.0, math.inf)


def evidence(estimand: Estimand, region: Region, design: Design, look: int, *, supports: bool) -> Evidence:
    """For the claim (`supports`), or against it, from the data at look number `look`, from 0."""

    def shown(alpha: float) -> bool:
        tried = replace(design, confidence=1 - alpha)
        return judge(estimand, region, tried.level(look), tried.level_against(look)) is supports

    level = design.level(look)
    if level.census and estimand.noise == 0:
        return CERTAIN if shown(design.alpha) else NONE
    if not shown(_LARGEST):
        return NONE
    low, high = math.log(_SMALLEST), math.log(_LARGEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(math.exp(middle)) else (middle, high)
    p = math.exp(high)
    return Evidence(p, 1 / p if estimand.martingale(level) else e_value_of(p))


def all_of(parts: list[Evidence]) -> Evidence:
    """For a claim of which every part must hold: as strong as its weakest part."""
    return Evidence(max(part.p for part in parts), min(part.e for part in parts))


def any_of(parts: list[Evidence]) -> Evidence:
    """For a claim of which one part must hold: Bonferroni, and the mean of the e-values."""
    return Evidence(min(1.0, len(parts) * min(part.p for part in parts)), sum(part.e for part in parts) / len(parts))
