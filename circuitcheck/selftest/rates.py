"""How often verdicts were right, counted."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from circuitcheck.stats import Interval, clopper_pearson

NOMINAL = 0.025  # of each wrong verdict, at the default confidence of 0.95
_ERRORS = 3  # standard errors of a measured rate that are left to chance
_WARNED = 0.95  # of the wrong verdicts of a known exception, those that must carry a warning


@dataclass(frozen=True)
class Outcome:
    """What one claim came to: its verdict, the prompts it took, and whether its reader was warned."""

    verdict: str
    prompts: int
    warned: bool = False


@dataclass(frozen=True)
class Rates:
    """Counts over `claims` of one kind, and the `prompts` of all of them together. `warned`: of those that came to a
    verdict."""

    claims: int
    supported: int
    refuted: int
    prompts: int
    warned: int = 0

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Rates":
        listed = list(outcomes)
        counts = Counter(outcome.verdict for outcome in listed)
        warned = sum(outcome.warned and outcome.verdict != "inconclusive" for outcome in listed)
        prompts = sum(outcome.prompts for outcome in listed)
        return cls(len(listed), counts["supported"], counts["refuted"], prompts, warned)

    @property
    def mean_prompts(self) -> float:
        return self.prompts / self.claims

    def share(self, verdict: str) -> Interval:
        """95% interval of the rate of a verdict."""
        return clopper_pearson(self.count(verdict), self.claims, 0.05)

    def rate(self, verdict: str) -> float:
        return self.count(verdict) / self.claims

    def excessive(self, verdict: str, nominal: float = NOMINAL) -> bool:
        """Is the rate of a verdict above the nominal by more than chance?"""
        return self.rate(verdict) > nominal + _ERRORS * math.sqrt(nominal * (1 - nominal) / self.claims)

    @property
    def share_warned(self) -> float | None:
        """Of the verdicts that were come to, those that carry a warning; None where there are none."""
        decided = self.supported + self.refuted
        return self.warned / decided if decided else None

    @property
    def mostly_warned(self) -> bool:
        """Is the share of those that carry a warning at least what it must be, give or take chance?"""
        decided = self.supported + self.refuted
        if not decided:
            return False
        return self.warned / decided >= _WARNED - _ERRORS * math.sqrt(_WARNED * (1 - _WARNED) / decided)

    def count(self, verdict: str) -> int:
        """Of a verdict that is no doubt."""
        return {"supported": self.supported, "refuted": self.refuted}[verdict]


@dataclass(frozen=True)
class Measured:
    """One kind of claim: on its threshold (`borderline`), clearly `true` and clearly `false`, each where it was measured.
    Where `known` says why, more error than `nominal` is expected. With `powers`, both how often what is true is found and
    how often what is false is, in these words."""

    name: str
    borderline: Rates | None
    true: Rates | None
    false: Rates | None
    known: str = ""
    nominal: float = NOMINAL
    powers: tuple[str, str] | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """Rates of wrong verdicts that chance does not explain and that nobody was warned of."""
        checks = (
            ("false support on the threshold", self.borderline, "supported"),
            ("false refutation on the threshold", self.borderline, "refuted"),
            ("false support", self.false, "supported"),
            ("false refutation", self.true, "refuted"),
        )
        return tuple(
            f"{self.name}: {what} {rates.rate(verdict):.2%} where {self.nominal:.2%} is nominal ({rates.claims} claims)"
            for what, rates, verdict in checks
            if rates is not None and rates.excessive(verdict, self.nominal) and not (self.known and rates.mostly_warned)
        )
