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
from circuitcheck.sampling.unseen import Unseen
from circuitcheck.stats import power_factor, prompts_needed

Columns = NDArray[np.float64]  # [column, prompt]
Draw = Callable[[range], Columns]
Build = Callable[[Columns], Estimand]

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"


@dataclass(frozen=True)
class Decision:
    """A verdict with what led to it. `looks` are (n, low, high), of at most `planned`; `n_more` is prompts beyond n for
    power 0.5 and 0.8, None where that cannot be said. `census`: every prompt that the claim is about was measured, so
    that the value is exact. `noise`: what the machine may add to the estimate; the interval holds it. `method` names what
    was done, `words` say it to a reader. `unseen`: what this sample cannot exclude. A reader must know `warnings`, and
    may want to know `notes`."""

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
    census: bool
    notes: tuple[str, ...] = ()
    noise: float = 0.0
    words: str = ""
    planned: int = 1
    unseen: Unseen | None = None

    @property
    def warned(self) -> bool:
        """Is a reader told to be careful with it?"""
        return bool(self.warnings) or (self.unseen is not None and self.unseen.fragile)


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
        bad = _not_finite(columns)
        if bad:
            return _undecidable(bad, columns, seen, design)
        estimand = build(columns)
        _check_margin(region, estimand)
        level = design.level(number)
        interval = estimand.interval(level)
        seen.append((n, interval.low, interval.high))
        inside = judge(estimand, region, level, design.level_against(number))
        last = number == len(design.looks) - 1
        if inside is not None or last or estimand.hopeless(level):
            return _conclude(estimand, region, design, level, tuple(seen), inside)
    raise AssertionError("a design has at least one look")


def _check_margin(region: Region, estimand: Estimand) -> None:
    if region.margin is not None and region.margin < estimand.noise < math.inf:
        raise BelowNoise(
            f"a margin of {region.margin:g} is within the noise floor of this machine, {estimand.noise:.2g}: the same "
            f"prompts in another batch differ by as much. Allow a wider margin, or use a wider dtype."
        )


def judge(estimand: Estimand, region: Region, level: Level, against: Level) -> bool | None:
    """True where the region is shown to hold the number at `level`, False where it is shown not to at the level `against`,
    else None."""
    if estimand.problem(level) is not None:
        return None
    if level.census and estimand.noise == 0:
        return region.holds(estimand.value)
    if region.shown_inside(lambda threshold: estimand.side(threshold, level)):
        return True
    return False if region.shown_outside(lambda threshold: estimand.side(threshold, against)) else None


def estimate(draw: Draw, build: Build, n: int, confidence: float, population: int | None) -> Decision:
    """The number from one fixed sample of `n` prompts, with its interval; no question is asked, so no verdict."""
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence {confidence} is outside (0.5, 1); 0.95 is usual.")
    columns = draw(range(n))
    level = Level((1 - confidence) / 2, 1 - confidence, census=n == population)
    bad = _not_finite(columns)
    if bad:
        return _undecidable(bad, columns, [], Design(confidence, n, n))
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
        warnings=estimand.warnings((), level),
        census=level.census,
        notes=estimand.notes(level),
        noise=estimand.noise,
        words=interval.method if level.census else estimand.words,
        unseen=estimand.unseen((), level),
    )


def _conclude(
    estimand: Estimand,
    region: Region,
    design: Design,
    level: Level,
    looks: tuple[tuple[int, float, float], ...],
    inside: bool | None,
) -> Decision:
    n, low, high = looks[-1]
    problem, method = estimand.problem(level), estimand.interval(level).method
    more = _more(estimand, region, design, level) if inside is None and not problem and not level.census else ()
    edges = () if inside is None else region.edges
    return Decision(
        verdict=INCONCLUSIVE if inside is None else SUPPORTED if inside else REFUTED,
        reason=(problem or _undecided(region, looks[-1], design)) if inside is None else "",
        estimate=estimand.value,
        low=low,
        high=high,
        method=method if level.census else f"{method}; look {len(looks)} of {len(design.looks)}",
        confidence=design.confidence,
        n=n,
        looks=looks,
        n_more=more,
        warnings=(*estimand.warnings(edges, level), *_two_tails(region, inside, looks[-1], design)),
        census=level.census,
        notes=(*estimand.notes(level), *_notes(inside, looks, design, more)),
        noise=estimand.noise,
        words=method if level.census else estimand.words,
        planned=len(design.looks),
        unseen=estimand.unseen(edges, level),
    )


def _two_tails(region: Region, inside: bool | None, look: tuple[int, float, float], design: Design) -> tuple[str, ...]:
    """A number outside a margin can be so on either side, and each side has an error of its own: they add up where the
    margin is small against the interval."""
    outside = (region.relation, inside) in (("!=", True), ("==", False))
    _, low, high = look
    if not outside or region.margin is None or not 2 * region.margin < (high - low) / 2:
        return ()
    return (
        f"the margin is small against the interval, and {region.relation} was decided from either side of it: such a "
        f"verdict is wrong at most {100 * design.alpha:.2g}% of the time, not {50 * design.alpha:.2g}%",
    )


def _notes(
    inside: bool | None,
    looks: tuple[tuple[int, float, float], ...],
    design: Design,
    more: tuple[tuple[float, int | None], ...],
) -> tuple[str, ...]:
    n, low, high = looks[-1]
    if inside is not None and len(looks) < len(design.looks):
        return ("it stopped early: such an estimate lies a little too far from the threshold",)
    if any(count is None for _, count in more) and math.isfinite(high - low):
        distance = (high - low) / 4
        total = math.ceil(n * (2 * power_factor(design.last_critical, 0.8)) ** 2)
        return (
            f"too close to the threshold to plan for; about {total} prompts in all resolve a distance of {distance:.2g}",
        )
    return ()


def _undecided(region: Region, look: tuple[int, float, float], design: Design) -> str:
    n, low, high = look
    within = " and ".join(f"{edge:g}" for edge in region.edges if low <= edge <= high)
    shown = f"after {n} prompts the interval [{low:.4g}, {high:.4g}]"
    found = f"{shown} still holds {within or 'values on both sides'}"
    if not within and design.refuting < 1:
        found = (
            f"{shown} speaks against it, but not clearly enough: several questions share this claim's error of being refuted"
        )
    return f"{found}; there are no more prompts" if n == design.population else found


def _more(estimand: Estimand, region: Region, design: Design, level: Level) -> tuple[tuple[float, int | None], ...]:
    """Planned on the nearest edge of the region, at the boundary of the last look; nothing where all prompts are used up."""
    left = math.inf if design.population is None else design.population - estimand.n
    if estimand.saturated() or not left:
        return ()
    distance, spread = min(estimand.spread(edge, level) for edge in region.edges)
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
        INCONCLUSIVE,
        reason,
        math.nan,
        math.nan,
        math.nan,
        "none",
        design.confidence,
        n,
        tuple(seen),
        (),
        (),
        census=False,
    )
