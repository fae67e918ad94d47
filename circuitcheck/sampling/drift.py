"""Did a verdict's ground move between two revisions? In one word, with the numbers that it follows from.

Two intervals, each with half of a claim's error: one for the new number, one for its change. STANDS is the region that the
earlier verdict put the number in. The claim `holds` where the change is within its margin and the new number within the
region; it `broke` where the new number is outside of the region, and changed that way; it `moved` where the change is
outside of the margin; else one `cannot tell`. For what alarms, the error is shared by all claims of a run by Holm's steps;
that something holds is said at each claim's own level, as its verdict was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from circuitcheck.sampling.change import change
from circuitcheck.sampling.decision import INCONCLUSIVE, SUPPORTED, judge
from circuitcheck.sampling.design import Level
from circuitcheck.sampling.estimands import Estimand
from circuitcheck.sampling.regions import Region
from circuitcheck.stats import Interval, prompts_needed

SAME, HOLDS, MOVED, BROKE, UNSURE, APART = "same", "holds", "moved", "broke", "cannot tell", "not comparable"
WORDS = (SAME, HOLDS, MOVED, BROKE, UNSURE, APART)
MARGIN = 0.5  # of the distance of the earlier number from its threshold
_POWER = 0.8
_ALARMED = {
    BROKE: "the new number is where the earlier verdict says it is not, and it changed that way",
    MOVED: "it changed by more than its margin",
}


@dataclass(frozen=True)
class Drift:
    """`before` and `now` are the number on the same `n` prompts; `interval` is that of the new one, `change` that of the
    difference, each at half of the claim's error. `needed`: the smallest margin with which it would hold; `more`: how many
    prompts more would tell, with a probability of 0.8, None where that cannot be said. `confidence`: of what alarms, after
    the correction for all claims."""

    word: str
    reason: str
    before: float = math.nan
    now: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    change: tuple[float, float] = (math.nan, math.nan)
    margin: float = math.nan
    needed: float = math.nan
    more: int | None = None
    n: int = 0
    confidence: float = math.nan
    method: str = ""

    @property
    def difference(self) -> float:
        return self.now - self.before


@dataclass(frozen=True)
class Pair:
    """One number before and now, from the same prompts. `verdict` is the earlier one, `verdict_now` the later. `census`: the
    prompts are all that the claim is about. `unchanged`: no value differs by more than the machine's own noise. `margin` as
    its author gave it, None for a half of the distance to the threshold."""

    old: Estimand
    new: Estimand
    region: Region
    verdict: str
    verdict_now: str
    alpha: float
    census: bool = False
    unchanged: bool = False
    declared: float | None = None

    @cached_property
    def change(self) -> Estimand:
        return change(self.new, self.old)

    @property
    def margin(self) -> float:
        if self.declared is not None:
            return self.declared
        return MARGIN * min(abs(edge - self.old.value) for edge in self.region.edges)

    def level(self, alpha: float) -> Level:
        """Of either interval, one fixed sample with half of `alpha`."""
        return Level(alpha / 4, alpha / 2, census=self.census)

    def alarm(self, alpha: float) -> str:
        """BROKE, MOVED, or nothing."""
        level = self.level(alpha)
        if self.unchanged or self.change.problem(level) is not None:
            return ""
        turned = self._stands(level) is False and self.region.holds(self.old.value) == (self.verdict == SUPPORTED)
        if turned and self.verdict != INCONCLUSIVE and self.change.side(0.0, level) == self._way:
            return BROKE
        margin = max(self.margin, self.change.noise)
        return MOVED if self.change.side(margin, level) == 1 or self.change.side(-margin, level) == -1 else ""

    def holds(self) -> bool:
        if self.unchanged:
            return self.verdict == self.verdict_now
        level = self.level(self.alpha)
        if self.problem is not None or self._stands(level) is False:
            return False
        near = self.change.side(self.margin, level) == -1 and self.change.side(-self.margin, level) == 1
        return near and (self.verdict == INCONCLUSIVE or self._stands(level) is True)

    @property
    def problem(self) -> str | None:
        """Why the numbers allow no word but that one cannot tell."""
        found = self.change.problem(self.level(self.alpha))
        if found is not None:
            return found
        if not self.margin > self.change.noise:
            return f"a margin of {self.margin:.3g} is within the noise floor of these machines, {self.change.noise:.2g}"
        return None

    @property
    def _way(self) -> int:
        return 1 if self.change.value > 0 else -1

    def _stands(self, level: Level) -> bool | None:
        """Is the new number shown to be where the earlier verdict put it, or not to be?"""
        inside = judge(self.new, self.region, level, level)
        return inside if inside is None or self.verdict != "refuted" else not inside

    def told(self, word: str, reason: str, alpha: float) -> Drift:
        level = self.level(self.alpha)
        ends, moved = self.new.interval(level), self.change.interval(level)
        if self.new.problem(level) is not None and not math.isfinite(ends.high - ends.low):
            ends = Interval(math.nan, math.nan, ends.method)
        return Drift(
            word,
            reason,
            self.old.value,
            self.new.value,
            (ends.low, ends.high),
            (moved.low, moved.high),
            self.margin,
            max(abs(moved.low), abs(moved.high)),
            self._more(level) if word == UNSURE else None,
            self.new.n,
            1 - alpha,
            moved.method,
        )

    def _more(self, level: Level) -> int | None:
        """Planned on the change and its margin, and on the new number and its threshold: what takes longer."""
        from scipy import special

        if self.census or not math.isfinite(self.change.value):
            return None
        critical, n = -float(special.ndtri(level.tail)), self.new.n
        room = abs(self.margin - abs(self.change.value))
        ends = self.change.interval(level)  # by betting they lie farther apart than the spread of the values would have them
        wide = (ends.high - ends.low) / 2 * math.sqrt(n) / critical
        plans = [(room, max(self.change.spread(0.0, level)[1], wide))]
        if self.verdict != INCONCLUSIVE and self._stands(level) is None:
            plans.append(min(self.new.spread(edge, level) for edge in self.region.edges))
        found = [prompts_needed(distance, spread, critical, _POWER, n) for distance, spread in plans]
        return None if None in found else max(each for each in found if each is not None)


def drifts(pairs: Sequence[Pair]) -> list[Drift]:
    """A word for each. What alarms is found by Holm's steps (Holm 1979, Scand. J. Stat. 6, 65): at 1 / K of each one's
    error, then at 1 / (K - those found), until none is added; so that one false alarm or more in the run is no more
    probable than the largest error of one claim."""
    family = [place for place, pair in enumerate(pairs) if not pair.unchanged]
    found: dict[int, tuple[str, float]] = {}
    while True:
        left = max(1, len(family) - len(found))
        fresh = {}
        for place in family:
            alpha = pairs[place].alpha / left
            alarm = "" if place in found else pairs[place].alarm(alpha)
            if alarm:
                fresh[place] = alarm, alpha
        if not fresh:
            return [_word(pair, found.get(place), left) for place, pair in enumerate(pairs)]
        found.update(fresh)


def _word(pair: Pair, alarm: tuple[str, float] | None, left: int) -> Drift:
    if alarm is not None:
        word, alpha = alarm
        return pair.told(word, _ALARMED[word], alpha)
    alpha = pair.alpha / left
    if pair.holds():
        why = "no value differs by more than the noise floor" if pair.unchanged else "it changed by less than its margin"
        return pair.told(HOLDS, why, alpha)
    return pair.told(UNSURE, _why_unsure(pair, left), alpha)


def _why_unsure(pair: Pair, left: int) -> str:
    if pair.unchanged:
        return "no value differs by more than the noise floor, and its verdict is another: it lies on the edge"
    if pair.problem is not None:
        return pair.problem
    by_itself = pair.alarm(pair.alpha)
    if by_itself and left > 1:
        return f"by itself it {by_itself}, but not at the level that holds for {left} claims together"
    if (
        pair.change.side(pair.margin, pair.level(pair.alpha))
        == -1
        == -pair.change.side(-pair.margin, pair.level(pair.alpha))
    ):
        return "it changed by less than its margin, and the new number may lie on either side of the threshold"
    return "its change may be within the margin or not"
