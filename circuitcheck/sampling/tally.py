"""How many of the sets drawn by lot an effect beats, and what that says of all of them."""

from dataclasses import dataclass, replace

from circuitcheck.sampling.decision import INCONCLUSIVE, REFUTED, SUPPORTED
from circuitcheck.stats import Interval, beta_binomial_sequence


@dataclass(frozen=True)
class Tally:
    """Of `draws` sets, `beaten` have less effect on the same prompts, `shown` of them by more than chance; `ties` have the
    same, and are not beaten. `complete`: all the sets there are, each once, so that the shares are exact."""

    draws: int = 0
    beaten: int = 0
    shown: int = 0
    ties: int = 0
    complete: bool = False

    def plus(self, ahead: float, *, noise: float, shown: bool) -> "Tally":
        """With one more set, which the effect is `ahead` of; less than `noise` is a tie."""
        beaten = ahead > noise
        return replace(
            self,
            draws=self.draws + 1,
            beaten=self.beaten + beaten,
            shown=self.shown + (beaten and shown),
            ties=self.ties + (abs(ahead) <= noise),
        )

    def intervals(self, alpha: float) -> tuple[Interval, Interval]:
        """Of the share shown to be beaten, and of the share beaten: valid after every draw."""
        if self.complete:
            exact = "all matched sets"
            low, high = self.shown / self.draws, self.beaten / self.draws
            return Interval(low, low, exact), Interval(high, high, exact)
        shown, beaten = (beta_binomial_sequence(count, self.draws, alpha) for count in (self.shown, self.beaten))
        return shown, beaten

    def verdict(self, share: float, alpha: float) -> str:
        """Supported where at least `share` are shown to be beaten, refuted where fewer are beaten at all: an effect that is
        ahead by chance is the one and not the other."""
        shown, beaten = self.intervals(alpha)
        if shown.low >= share:
            return SUPPORTED
        return REFUTED if beaten.high < share else INCONCLUSIVE
