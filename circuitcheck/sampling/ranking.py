"""Does an effect beat a share of all sets like its own? Prompts are drawn look by look until it is told, sets in stages."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from circuitcheck.sampling.decision import INCONCLUSIVE, Decision
from circuitcheck.sampling.design import Design, Level
from circuitcheck.sampling.estimands import Estimand
from circuitcheck.sampling.tally import Needs, Tally, needs

Differences = Callable[[int, int], Iterable[Estimand]]  # (sets, prompts) -> for each set, the effect less that of the set


@dataclass(frozen=True)
class Ranking:
    """The rule: `sizes` are how many sets are compared at each stage; with `all_sets` these are all there are."""

    design: Design
    share: float
    sizes: tuple[int, ...]
    all_sets: bool

    @property
    def alpha(self) -> float:
        return self.design.alpha

    def needed(self, sets: int, alpha: float) -> Needs:
        return needs(sets, self.share, alpha, all_sets=self.all_sets, stages=len(self.sizes))

    def tally(self, differences: Differences, sets: int, look: int, alpha: float) -> Tally:
        """What one look at `sets` sets says at a two-sided error of `alpha` for all of them together."""
        needed = self.needed(sets, alpha)
        beaten_at = self._level(look, needed.beaten_alpha)
        ahead_at = self._level(look, needed.ahead_alpha * self.design.refuting)
        tally = Tally(all_sets=self.all_sets)
        for found in differences(sets, self.design.looks[look]):
            beaten, ahead = _side(found, beaten_at) == 1, _side(found, ahead_at) == -1
            tally = tally.plus(found.value, noise=found.noise, beaten=beaten, ahead=ahead)
        return tally

    def decide(self, differences: Differences) -> tuple[Tally, tuple[tuple[int, float, float], ...]]:
        """The last tally, and for each look the prompts and the ends of what is shown of the share."""
        stage, looks = 0, []
        for look, n in enumerate(self.design.looks):
            tally, needed = self._at(differences, stage, look)
            while self._stuck(tally, needed) and stage + 1 < len(self.sizes):
                stage += 1
                tally, needed = self._at(differences, stage, look)
            looks.append((n, tally.beaten / tally.draws, 1 - tally.ahead / tally.draws))
            if tally.verdict(needed) != INCONCLUSIVE or self._stuck(tally, needed):
                break
        return tally, tuple(looks)

    def _at(self, differences: Differences, stage: int, look: int) -> tuple[Tally, Needs]:
        sets = self.sizes[stage]
        return self.tally(differences, sets, look, self.alpha), self.needed(sets, self.alpha)

    def _stuck(self, tally: Tally, needed: Needs) -> bool:
        """Nothing is told, and no number of prompts would."""
        return tally.verdict(needed) == INCONCLUSIVE and not tally.prompts_would_tell(needed)

    def _level(self, look: int, alpha: float) -> Level:
        return replace(self.design, confidence=1 - alpha).level(look)


def ranked(rule: Ranking, own: Estimand, tally: Tally, looks: tuple[tuple[int, float, float], ...], noun: str) -> Decision:
    """What came of it, in the form of every decision. `own` is the effect, `noun` what the sets are of."""
    needed = rule.needed(tally.draws, rule.alpha)
    verdict = tally.verdict(needed)
    n, low, high = looks[-1]
    return Decision(
        verdict=verdict,
        reason=_undecided(rule, own, tally, needed, looks, noun) if verdict == INCONCLUSIVE else "",
        estimate=tally.lesser / tally.draws,
        low=low,
        high=high,
        method=f"partial conjunction over {tally.draws} {noun} sets; look {len(looks)} of {len(rule.design.looks)}",
        confidence=rule.design.confidence,
        n=n,
        looks=looks,
        n_more=(),
        warnings=_doubts(tally, noun),
        census=False,
        words=(
            f"each of {tally.draws} {noun} sets is compared on the same prompts, at a level that holds for all together; "
            f"{needed.beaten} must be shown to be beaten, or {needed.ahead} to be ahead"
        ),
        planned=len(rule.design.looks),
    )


def _undecided(
    rule: Ranking, own: Estimand, tally: Tally, needed: Needs, looks: tuple[tuple[int, float, float], ...], noun: str
) -> str:
    if not math.isfinite(own.value):
        return "the effect is no finite number on these prompts"
    weak = own.undefined(rule.design.level(len(looks) - 1))
    if weak is not None:
        return weak
    found = (
        f"after {looks[-1][0]} prompts {tally.beaten} of {tally.draws} {noun} sets are shown to be beaten, which takes "
        f"{needed.beaten}, and {tally.ahead} to be ahead, which takes {needed.ahead}"
    )
    if tally.prompts_would_tell(needed):
        return f"{found}; {tally.open} are open: more prompts would tell"
    return found if tally.all_sets else f"{found}: more draws (draws=) would tell"


def _doubts(tally: Tally, noun: str) -> tuple[str, ...]:
    if not tally.undefined:
        return ()
    return (f"{tally.undefined} of {tally.draws} {noun} sets gave no finite number: they count neither for nor against",)


def _side(found: Estimand, level: Level) -> int:
    """+1 if this set is shown to be beaten, -1 if it is shown to be ahead. A set without a number is neither."""
    if not math.isfinite(found.value) or found.problem(level) is not None:
        return 0
    return found.side(0.0, level)
