"""How often verdicts were right, counted."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from circuitcheck.stats import Interval, clopper_pearson

NOMINAL = 0.025  # of each wrong verdict, at the default confidence of 0.95
_ERRORS = 3  # standard errors of a measured rate that are left to chance


@dataclass(frozen=True)
class Outcome:
    """What one claim came to: its verdict, and the prompts it took."""

    verdict: str
    prompts: int


@dataclass(frozen=True)
class Rates:
    """Counts over `claims` of one kind, and the `prompts` of all of them together."""

    claims: int
    supported: int
    refuted: int
    prompts: int

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Rates":
        listed = list(outcomes)
        counts = Counter(outcome.verdict for outcome in listed)
        return cls(len(listed), counts["supported"], counts["refuted"], sum(outcome.prompts for outcome in listed))

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

    def count(self, verdict: str) -> int:
        """Of a verdict that is no doubt."""
        return {"supported": self.supported, "refuted": self.refuted}[verdict]


@dataclass(frozen=True)
class Measured:
    """One kind of claim: on its threshold (`borderline`), clearly `true` and clearly `false`, each where it was measured.
    Where `known` says why, more error than nominal is expected."""

    name: str
    borderline: Rates | None
    true: Rates | None
    false: Rates | None
    known: str = ""

    @property
    def faults(self) -> tuple[str, ...]:
        """Rates of wrong verdicts that chance does not explain and that nobody was warned of."""
        if self.known:
            return ()
        checks = (
            ("false support on the threshold", self.borderline, "supported"),
            ("false refutation on the threshold", self.borderline, "refuted"),
            ("false support", self.false, "supported"),
            ("false refutation", self.true, "refuted"),
        )
        return tuple(
            f"{self.name}: {what} {rates.rate(verdict):.2%} where {NOMINAL:.1%} is nominal ({rates.claims} claims)"
            for what, rates, verdict in checks
            if rates is not None and rates.excessive(verdict)
        )
