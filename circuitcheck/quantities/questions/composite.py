"""Claims made of claims: one of several, or all of several."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from circuitcheck.errors import NotComparable
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.question import Question, current_recorder
from circuitcheck.quantities.questions.result import ComparisonResult
from circuitcheck.sampling import Decision, Evidence
from circuitcheck.sampling.evidence import all_of as evidence_for_all
from circuitcheck.sampling.evidence import any_of as evidence_for_any
from circuitcheck.session import Settings


class Composite(Question):
    """`all of`: supported where every part is, at the level of each (a claim and another need no correction); refuted where
    one part is, at a level split over the parts. `any of`: the other way round. So either verdict is wrong at most as
    often as that of one comparison.
    """

    def __init__(self, kind: Literal["any of", "all of"], parts: tuple[object, ...]) -> None:
        self.kind, self.parts = kind, _questions(kind, parts)
        super().__init__()
        recorder = current_recorder()
        if recorder is not None:
            recorder.adopted(self.parts)

    @property
    def expression(self) -> str:
        return f"{self.kind}: {'; '.join(part.expression for part in self.parts)}"

    def ask(self, settings: Settings) -> ComparisonResult:
        one, each = ("refuted", "supported") if self.kind == "all of" else ("supported", "refuted")
        split = replace(settings, confidence=1 - (1 - settings.confidence) / len(self.parts))
        results = tuple(_ask_again(part, part.ask(settings), one, split) for part in self.parts)
        verdicts = [result.decision.verdict for result in results]
        verdict = one if one in verdicts else each if set(verdicts) == {each} else "inconclusive"
        return self._result(settings, verdict, results)

    @property
    def about(self) -> Expression:
        return self.parts[0].about

    def remember(self, result: ComparisonResult, settings: Settings) -> ComparisonResult:
        """Its parts were asked, each for itself."""
        parts = (part.remember(found, settings) for part, found in zip(self.parts, result.parts, strict=True))
        return replace(result, parts=tuple(parts))

    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        join: Callable[[list[Evidence]], Evidence] = (
            evidence_for_all if (self.kind == "all of") == supports else evidence_for_any
        )
        return join([part.evidence(settings, supports=supports) for part in self.parts])

    def _result(self, settings: Settings, verdict: str, results: tuple[ComparisonResult, ...]) -> ComparisonResult:
        verdicts = ", ".join(result.decision.verdict for result in results)
        decision = Decision(
            verdict=verdict,
            reason=f"its parts are {verdicts}" if verdict == "inconclusive" else "",
            estimate=math.nan,
            low=math.nan,
            high=math.nan,
            method=f"{self.kind} {len(results)}",
            confidence=settings.confidence,
            n=max(result.decision.n for result in results),
            looks=(),
            n_more=(),
            warnings=(),
            census=all(result.decision.census for result in results),
        )
        first = results[0]
        return replace(
            first,
            expression=self.expression,
            relation=self.kind,
            threshold=None,
            margin=None,
            decision=decision,
            templates=max(result.templates for result in results),
            contrary=(),
            local_metrics=(),
            flags=(),
            control=None,
            parts=results,
            question="",
            shape="",
            rests=None,
        )


def any_of(*comparisons: object) -> Composite:
    """At least one of these holds: `assert cc.any_of(a < 0.8, b < 0.8)`. (`or` would ask the first, and stop there.)

    Raises NotComparable for fewer than two comparisons, or for what is none.
    """
    return Composite("any of", comparisons)


def all_of(*comparisons: object) -> Composite:
    """All of these hold, as one question: `assert cc.all_of(a < 0.8, b > 0.5)`. Several asserts say the same, one by one.

    Raises NotComparable for fewer than two comparisons, or for what is none.
    """
    return Composite("all of", comparisons)


def _ask_again(part: Question, found: ComparisonResult, wanted: str, split: Settings) -> ComparisonResult:
    """A verdict that alone settles the whole must hold at the split level; what it was before is not a verdict then."""
    return part.ask(split) if found.decision.verdict == wanted else found


def _questions(kind: str, parts: tuple[object, ...]) -> tuple[Question, ...]:
    name = kind.replace(" ", "_")
    if len(parts) == 1 and isinstance(parts[0], Iterable):
        raise NotComparable(f"cc.{name} got one list: put a star before it, cc.{name}(*comparisons).")
    strangers = [part for part in parts if not isinstance(part, Question)]
    if strangers:
        raise NotComparable(
            f"cc.{name} got {strangers[0]!r}, which is no comparison: write cc.{name}(a < 0.8, b < 0.8), without `and`, "
            f"`or`, `not` or chains inside."
        )
    if len(parts) < 2:
        raise NotComparable(f"cc.{name} joins two comparisons or more, and got {len(parts)}.")
    return tuple(part for part in parts if isinstance(part, Question))
