"""How many of the sets drawn by lot an effect beats, and what that says of all of them."""

import math
from dataclasses import dataclass, replace

from circuitcheck.sampling.decision import INCONCLUSIVE, REFUTED, SUPPORTED


@dataclass(frozen=True)
class Needs:
    """What shows that an effect beats a share of all sets, or that it does not: `beaten` of them shown to be beaten, each
    with a two-sided error of `beaten_alpha`; or `ahead` of them shown to be ahead, each with one of `ahead_alpha`."""

    beaten: int
    beaten_alpha: float
    ahead: int
    ahead_alpha: float


def needs(sets: int, share: float, alpha: float, *, all_sets: bool, stages: int = 1) -> Needs:
    """By partial conjunction (Benjamini & Heller 2008, Biometrics 64, 1215): k of M are shown where the k-th smallest p is
    at most the error over M - k + 1, whatever the sets share. `all_sets`: these are all the sets there are. Otherwise
    half of the error is for the draw of the sets, so that k is what a share as claimed reaches that rarely; `stages`
    share both.
    """
    if all_sets:
        beaten = math.ceil(share * sets - 1e-9)
        return Needs(beaten, alpha / (sets - beaten + 1), sets - beaten + 1, alpha / max(beaten, 1))
    error = alpha / (2 * stages)
    beaten, ahead = _least(sets, share, error / 2), _least(sets, 1 - share, error / 2)
    return Needs(beaten, error / max(sets - beaten + 1, 1), ahead, error / max(sets - ahead + 1, 1))


def stages_of(draws: int, share: float, alpha: float) -> tuple[int, ...]:
    """How many sets are drawn before each stop: a quarter, half and all of `draws`, without those that could show
    nothing."""
    sizes = sorted({draws, draws // 2, draws // 4})
    able = [size for size in sizes if size > 1 and needs(size, share, alpha, all_sets=False, stages=3).beaten <= size]
    return tuple(able) or (draws,)


@dataclass(frozen=True)
class Tally:
    """Of `draws` sets, `lesser` have less effect on the same prompts and `ties` the same. `beaten` of them are shown to have
    less, `ahead` are shown to have more; `undefined` gave no number, and count as neither. `all_sets`: all the sets there
    are, each once."""

    draws: int = 0
    lesser: int = 0
    ties: int = 0
    beaten: int = 0
    ahead: int = 0
    undefined: int = 0
    all_sets: bool = False

    def plus(self, difference: float, *, noise: float, beaten: bool, ahead: bool) -> "Tally":
        """With one more set, than which the effect is larger by `difference`; less than `noise` is a tie."""
        if not math.isfinite(difference):
            return replace(self, draws=self.draws + 1, undefined=self.undefined + 1)
        return replace(
            self,
            draws=self.draws + 1,
            lesser=self.lesser + (difference > noise),
            ties=self.ties + (abs(difference) <= noise),
            beaten=self.beaten + beaten,
            ahead=self.ahead + ahead,
        )

    @property
    def open(self) -> int:
        """Sets that are not shown to be either, and that more prompts may show to be one."""
        return self.draws - self.beaten - self.ahead - self.undefined

    def verdict(self, needed: Needs) -> str:
        if self.beaten >= needed.beaten:
            return SUPPORTED
        return REFUTED if self.ahead >= needed.ahead else INCONCLUSIVE

    def prompts_would_tell(self, needed: Needs) -> bool:
        """Could the sets that are open bring a verdict about, one way or the other?"""
        return self.beaten + self.open >= needed.beaten or self.ahead + self.open >= needed.ahead


def _least(n: int, share: float, error: float) -> int:
    """The smallest count that n draws, each a success with probability `share`, reach with a probability of `error` at most;
    n + 1 where there is none."""
    from scipy import special

    for count in range(n + 1):
        if count > n * share and float(special.bdtrc(count - 1, n, share)) <= error:
            return count
    return n + 1
