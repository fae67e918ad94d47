"""From draws to a verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.estimands import Estimand
from circuitcheck.sampling.regions import Region
from circuitcheck.stats import prompts_needed

Columns = NDArray[np.float64]  # [column, prompt]
Draw = Callable[[range], Columns]
Build = Callable[[Columns], Estimand]

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"


@dataclass(frozen=True)
class Decision:
    """A verdict with what led to it. `looks` are (n, low, high); `n_more` is prompts beyond n for power 0.5 and 0.8, None
    where that cannot be said. `exhausted`: every prompt there is was measured, so that the value is exact."""

    verdict: str
    reason: str
    estimate: float
    low: float
    high: float
    method: str
    confidence: float
    n: int
    looks: tuple[tuple[int, float, float], ...]
    n_more: tuple[tuple[float, int | None], ...]
    warnings: tuple[str, ...]
    exhausted: bool


def decide(draw: Draw, build: Build, region: Region, design: Design) -> Decision:
    """Draw prompts look by look until the region is shown to hold the number or not to, or the budget is spent.

    `draw(range)` gives the columns of those prompts, `build` makes an estimand of all columns so far.
    """
    seen: list[tuple[int, float, float]] = []
    columns = np.empty((0, 0))
    for number, n in enumerate(design.looks):
        fresh = draw(range(columns.shape[1], n))
        columns = fresh if not seen else np.concatenate([columns, fresh], axis=1)
        level = design.level(number)
        bad = _not_finite(columns)
        if bad:
            return _undecidable(bad, columns, seen, design)
        estimand = build(columns)
        interval = estimand.interval(level)
        seen.append((n, interval.low, interval.high))
        problem = estimand.problem(level)
        if problem and region.margin is not None and estimand.equals(region.threshold, level):
            problem = None  # no spread, and none needed: the number is the claimed one on every prompt
        inside = None if problem else _judge(estimand, region, level)
        last = number == len(design.looks) - 1
        if inside is not None or last or estimand.hopeless(level):
            return _conclude(estimand, region, design, level, tuple(seen), inside, problem)
    raise AssertionError("a design has at least one look")


def _judge(estimand: Estimand, region: Region, level: Level) -> bool | None:
    if level.exact or (region.margin is not None and estimand.equals(region.threshold, level)):
        return region.holds(estimand.value)
    return region.judge(lambda threshold: estimand.side(threshold, level))


def estimate(draw: Draw, build: Build, n: int, confidence: float, population: int | None) -> Decision:
    """The number from one fixed sample of `n` prompts, with its interval; no question is asked, so no verdict."""
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence {confidence} is outside (0.5, 1); 0.95 is usual.")
    columns = draw(range(n))
    level = Level((1 - confidence) / 2, 1 - confidence, sequential=False, exact=n == population)
    bad = _not_finite(columns)
    if bad:
        return _undecidable(bad, columns, [], Design(confidence, n, n, population))
    estimand = build(columns)
    interval, problem = estimand.interval(level), estimand.problem(level)
    return Decision(
        verdict="",
        reason=problem or "",
        estimate=estimand.value,
        low=interval.low,
        high=interval.high,
        method=interval.method,
        confidence=confidence,
        n=n,
        looks=((n, interval.low, interval.high),),
        n_more=(),
        warnings=estimand.warnings(),
        exhausted=level.exact,
    )


def _conclude(
    estimand: Estimand,
    region: Region,
    design: Design,
    level: Level,
    looks: tuple[tuple[int, float, float], ...],
    inside: bool | None,
    problem: str | None,
) -> Decision:
    verdict = INCONCLUSIVE if inside is None else SUPPORTED if inside else REFUTED
    reason = "" if inside is not None else problem or _undecided(region, looks[-1])
    method = estimand.interval(level).method
    if not level.exact:
        method += f"; look {len(looks)} of {len(design.looks)}"
    return Decision(
        verdict=verdict,
        reason=reason,
        estimate=estimand.value,
        low=looks[-1][1],
        high=looks[-1][2],
        method=method,
        confidence=design.confidence,
        n=looks[-1][0],
        looks=looks,
        n_more=_more(estimand, region, design) if inside is None and not problem and not level.exact else (),
        warnings=estimand.warnings(),
        exhausted=level.exact,
    )


def _undecided(region: Region, look: tuple[int, float, float]) -> str:
    n, low, high = look
    edges = sorted({region.threshold - (region.margin or 0), region.threshold + (region.margin or 0)})
    inside = " and ".join(f"{edge:g}" for edge in edges if low <= edge <= high)
    return f"after {n} prompts the interval [{low:.4g}, {high:.4g}] still holds {inside or 'values on both sides'}"


def _more(estimand: Estimand, region: Region, design: Design) -> tuple[tuple[float, int | None], ...]:
    """Planned on the nearest edge of the region, at the boundary of the last look."""
    edges = [region.threshold - (region.margin or 0), region.threshold + (region.margin or 0)]
    distance, spread = min(estimand.spread(edge) for edge in edges)
    left = math.inf if design.population is None else design.population - estimand.n
    plans = [(power, prompts_needed(distance, spread, design.last_critical, power, estimand.n)) for power in (0.5, 0.8)]
    return tuple((power, count if count is None or count <= left else int(left)) for power, count in plans)


def _not_finite(columns: Columns) -> str | None:
    bad = np.flatnonzero(~np.isfinite(columns).all(axis=0))
    if not len(bad):
        return None
    return f"{len(bad)} of {columns.shape[1]} prompts gave a value that is no finite number; the first is prompt {bad[0]}"


def _undecidable(reason: str, columns: Columns, seen: list[tuple[int, float, float]], design: Design) -> Decision:
    n = columns.shape[1]
    return Decision(
        INCONCLUSIVE, reason, math.nan, math.nan, math.nan, "none", design.confidence, n, tuple(seen), (), (), False
    )
