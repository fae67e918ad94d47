"""From draws to a verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.errors import BelowNoise
from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.estimands import Estimand
from circuitcheck.sampling.regions import Region
from circuitcheck.stats import power_factor, prompts_needed

Columns = NDArray[np.float64]  # [column, prompt]
Draw = Callable[[range], Columns]
Build = Callable[[Columns], Estimand]

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"


@dataclass(frozen=True)
class Decision:
    """A verdict with what led to it. `looks` are (n, low, high); `n_more` is prompts beyond n for power 0.5 and 0.8, None
    where that cannot be said. `exhausted`: every prompt there is was measured, so that the value is exact. `noise`: what the
    machine may add to the estimate; the interval holds it. A reader must know `warnings`, and may want to know `notes`."""

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
    notes: tuple[str, ...] = ()
    noise: float = 0.0


def decide(draw: Draw, build: Build, region: Region, design: Design) -> Decision:
    """Draw prompts look by look until the region is shown to hold the number or not to, or the budget is spent.

    `draw(range)` gives the columns of those prompts, `build` makes an estimand of all columns so far. Raises BelowNoise for
    a margin that the machine's own noise fills.
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
        _check_margin(region, estimand)
        interval = estimand.interval(level)
        seen.append((n, interval.low, interval.high))
        problem, inside = estimand.problem(level), judge(estimand, region, level)
        last = number == len(design.looks) - 1
        if inside is not None or last or estimand.hopeless(level):
            return _conclude(estimand, region, design, level, tuple(seen), inside, problem)
    raise AssertionError("a design has at least one look")


def _check_margin(region: Region, estimand: Estimand) -> None:
    if region.margin is not None and region.margin < estimand.noise < math.inf:
        raise BelowNoise(
            f"a margin of {region.margin:g} is within the noise floor of this machine, {estimand.noise:.2g}: the same "
            f"prompts in another batch differ by as much. Allow a wider margin, or use a wider dtype."
        )


def judge(estimand: Estimand, region: Region, level: Level) -> bool | None:
    """True where the region is shown to hold the number, False where it is shown not to, else None."""
    if estimand.problem(level) is None:
        if level.exact and estimand.noise == 0:
            return region.holds(estimand.value)
        shown = region.judge(lambda threshold: estimand.side(threshold, level))
        if shown is not None:
            return shown
    return judge_equal(estimand, region, level)


def judge_equal(estimand: Estimand, region: Region, level: Level) -> bool | None:
    """A number that is the claimed one on every prompt, give or take what the machine adds, needs no spread to show it."""
    if region.margin is None or not estimand.equals(region.threshold, level):
        return None
    near = abs(estimand.value - region.threshold) + estimand.noise < region.margin
    return region.holds(region.threshold) if near else None


def estimate(draw: Draw, build: Build, n: int, confidence: float, population: int | None) -> Decision:
    """The number from one fixed sample of `n` prompts, with its interval; no question is asked, so no verdict."""
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence {confidence} is outside (0.5, 1); 0.95 is usual.")
    columns = draw(range(n))
    level = Level((1 - confidence) / 2, 1 - confidence, exact=n == population)
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
        notes=estimand.notes(level),
        noise=estimand.noise,
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
    more = _more(estimand, region, design, level) if inside is None and not problem and not level.exact else ()
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
        n_more=more,
        warnings=estimand.warnings(),
        exhausted=level.exact,
        notes=(*estimand.notes(level), *_notes(inside, looks, design, more)),
        noise=estimand.noise,
    )


def _notes(
    inside: bool | None,
    looks: tuple[tuple[int, float, float], ...],
    design: Design,
    more: tuple[tuple[float, int | None], ...],
) -> tuple[str, ...]:
    n, low, high = looks[-1]
    if inside is not None and len(looks) < len(design.looks):
        return (f"stopped at look {len(looks)} of {len(design.looks)}: the estimate is biased away from the threshold",)
    if any(count is None for _, count in more) and math.isfinite(high - low):
        distance = (high - low) / 4
        total = math.ceil(n * (2 * power_factor(design.last_critical, 0.8)) ** 2)
        return (
            f"too close to the threshold to plan for; about {total} prompts in all resolve a distance of {distance:.2g}",
        )
    return ()


def _undecided(region: Region, look: tuple[int, float, float]) -> str:
    n, low, high = look
    edges = sorted({region.threshold - (region.margin or 0), region.threshold + (region.margin or 0)})
    inside = " and ".join(f"{edge:g}" for edge in edges if low <= edge <= high)
    return f"after {n} prompts the interval [{low:.4g}, {high:.4g}] still holds {inside or 'values on both sides'}"


def _more(estimand: Estimand, region: Region, design: Design, level: Level) -> tuple[tuple[float, int | None], ...]:
    """Planned on the nearest edge of the region, at the boundary of the last look."""
    if estimand.saturated():
        return ()
    edges = [region.threshold - (region.margin or 0), region.threshold + (region.margin or 0)]
    distance, spread = min(estimand.spread(edge, level) for edge in edges)
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
