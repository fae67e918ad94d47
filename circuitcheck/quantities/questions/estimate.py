"""Estimates: a look at a number, without a claim."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from circuitcheck.errors import NotComparable
from circuitcheck.quantities.questions.html import escape_code
from circuitcheck.quantities.questions.result_words import percent
from circuitcheck.sampling import Decision
from circuitcheck.text import counted, no_attribute, shown

_HAS = "It has .value, and the ends of its interval, .low and .high."


@dataclass(frozen=True)
class Estimate:
    """`value` with its interval `[low, high]` from the first `n` prompts of a `stream`. `reason` says why an interval means
    nothing."""

    label: str
    stream: str
    value: float
    low: float
    high: float
    n: int
    confidence: float
    method: str
    warnings: tuple[str, ...]
    reason: str

    @classmethod
    def of(cls, label: str, stream: str, decision: Decision) -> "Estimate":
        """What a decision has of it."""
        return cls(
            label,
            stream,
            decision.estimate,
            decision.low,
            decision.high,
            decision.n,
            decision.confidence,
            decision.words,
            decision.warnings,
            decision.reason,
        )

    def _has_no_verdict(self, other: object) -> NoReturn:
        raise NotComparable(
            f"{self.label} was looked at, on {counted(self.n, 'prompt')}, and a look gives no verdict. Compare the quantity "
            f"itself, as in `quantity > {shown(other)}`; `.value`, `.low` and `.high` are plain numbers."
        )

    __lt__ = __le__ = __gt__ = __ge__ = _has_no_verdict

    def __float__(self) -> float:
        return self.value

    if not TYPE_CHECKING:  # type checkers know what is there

        def __getattr__(self, name):
            raise no_attribute(self, name, dict.fromkeys(("ci", "interval", "std", "mean"), _HAS))

    def __repr__(self) -> str:
        notes = "".join(f" | {note}" for note in (self.reason, *self.warnings) if note)
        method = f", {self.method}" if self.method else ""
        return (
            f"<{self.label} = {self.value:.4g}, {percent(self.confidence)} interval [{self.low:.4g}, {self.high:.4g}], "
            f"{counted(self.n, 'prompt')} of the {self.stream} stream{method}{notes}>"
        )

    def _repr_html_(self) -> str:
        return escape_code(repr(self))
