"""What a quantity is now less what it was when a baseline was written, on the same prompts."""

import math
from dataclasses import dataclass
from typing import NoReturn

from circuitcheck.errors import NotComparable
from circuitcheck.given import number_of
from circuitcheck.grounds.pairing import other_prompts
from circuitcheck.grounds.rests import Rests, Since
from circuitcheck.quantities.expressions.expression import Expression, text_of
from circuitcheck.quantities.questions.comparison import Approx
from circuitcheck.quantities.questions.conditions import conditions_of
from circuitcheck.quantities.questions.estimand import basis_of
from circuitcheck.quantities.questions.history import question_key
from circuitcheck.quantities.questions.outcome import ContraryPrompt
from circuitcheck.quantities.questions.question import Question
from circuitcheck.quantities.questions.resting import asked_of, prompt_set, rests_of
from circuitcheck.quantities.questions.result import ComparisonResult, against_most, result_of
from circuitcheck.sampling import (
    Above,
    Basis,
    Below,
    Design,
    Evidence,
    Outside,
    Region,
    Then,
    Values,
    Within,
    changes_by_prompt,
    decide_change,
    evidence,
)
from circuitcheck.session import Settings, current_session
from circuitcheck.text import shown


@dataclass(frozen=True, eq=False)
class StoredNumber:
    """What a claim of a baseline measured: `cc.baseline("base.json")["ioi.mover"]`. `quantity - stored` is the change since
    then. `name` is its claim, `expression` what was measured, `prompts` how many prompts it has."""

    name: str
    expression: str
    rests: Rests

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    @property
    def prompts(self) -> int:
        return self.rests.fixed

    def _only_behind(self, *_others: object) -> NoReturn:
        raise NotComparable(
            f"{self!r} is a number of an earlier run: take it from the same quantity, as in `quantity - then == "
            f"cc.approx(0, abs=0.05)`."
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _only_behind
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __bool__ = __float__ = _only_behind

    def __repr__(self) -> str:
        return f"<{self.name} | {self.expression} | {self.prompts} prompts>"


@dataclass(frozen=True, eq=False, repr=False)
class Change:
    """A quantity less a stored number, paired by prompt; comparing it with a number or `cc.approx` gives a question."""

    now: Expression
    then: StoredNumber

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    @property
    def label(self) -> str:
        return f"{self.now._bracketed()} - {self.then.name}"

    def __lt__(self, other: object) -> "ChangeComparison":
        return ChangeComparison(self, Below(self._number(other, "<"), "<"))

    def __le__(self, other: object) -> "ChangeComparison":
        return ChangeComparison(self, Below(self._number(other, "<="), "<="))

    def __gt__(self, other: object) -> "ChangeComparison":
        return ChangeComparison(self, Above(self._number(other, ">"), ">"))

    def __ge__(self, other: object) -> "ChangeComparison":
        return ChangeComparison(self, Above(self._number(other, ">="), ">="))

    def __eq__(self, other: object) -> "ChangeComparison":  # type: ignore[override]
        margin = self._margin(other, "==")
        return ChangeComparison(self, Within(margin.value, margin.abs))

    def __ne__(self, other: object) -> "ChangeComparison":  # type: ignore[override]
        margin = self._margin(other, "!=")
        return ChangeComparison(self, Outside(margin.value, margin.abs))

    def __bool__(self) -> NoReturn:
        raise NotComparable(f"{self.label} is a number that has not been measured; compare it, as in `change < 0.05`.")

    def __repr__(self) -> str:
        return f"<{self.label} | not measured>"

    def _number(self, other: object, relation: str) -> float:
        number = number_of(other)
        if number is None or not math.isfinite(number):
            raise NotComparable(f"cannot compare {self.label} {relation} {shown(other)}; expected a finite number.")
        return number

    def _margin(self, other: object, relation: str) -> Approx:
        if not isinstance(other, Approx):
            raise NotComparable(
                f"{self.label} {relation} {shown(other)}: say how close is equal: {relation} "
                f"cc.approx({text_of(other)}, abs=0.05)."
            )
        return other


class ChangeComparison(Question):
    """Is the change in the region? One look, at the prompts that the baseline measured whatever came out."""

    def __init__(self, change: Change, region: Region) -> None:
        self.change, self.region = change, region
        super().__init__()

    @property
    def expression(self) -> str:
        margin = "" if self.region.margin is None else f" ± {self.region.margin:g}"
        return f"{self.change.label} {self.region.relation} {self.region.threshold:g}{margin}"

    @property
    def about(self) -> Expression:
        return self.change.now

    def ask(self, settings: Settings) -> ComparisonResult:
        """Raises NotComparable where the prompts are others, or are not the baseline's kind of number."""
        now, session = self.change.now, current_session()
        self._check_prompts(settings)
        rule, basis, then = self._judged(settings)
        decision = decide_change(now.draw, basis, then, self.region, rule.design)
        measured = session.measure(now.prompts, now.cells, range(decision.n))
        return result_of(
            now,
            measured,
            decision,
            expression=self.expression,
            relation=self.region.relation,
            threshold=self.region.threshold,
            margin=self.region.margin,
            scope=settings.scope,
            question=question_key(now, settings.scope, "since", self.change.then.rests.asked, self.change.then.name),
            contrary=self._contrary(basis, measured.values, then),
            flags=self._flags,
            rests=rests_of(now, basis, rule, decision.n, decision.n),
        )

    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        rule, basis, then = self._judged(settings)
        decision = (self.ask(settings) if self.result is None else self.result).decision
        if not math.isfinite(decision.estimate):
            return Evidence(1.0, 0.0)
        estimand = then.change(basis, self.change.now.draw(range(decision.n)))
        return evidence(estimand, self.region, rule.design, 0, supports=supports)

    def _prompts(self, settings: Settings) -> int:
        return min(self.change.then.prompts, settings.samples)

    def _judged(self, settings: Settings) -> tuple[Since, Basis, Then]:
        stored, now = self.change.then.rests, self.change.now
        n = self._prompts(settings)
        design = Design(settings.confidence, n, n, n, refuting=settings.refuting)
        was = stored.basis
        rule = Since(design, self.change.then.name, stored.cells, was.form, was.floors, stored.first(n))
        rests_on = basis_of(now, conditions_of(now, settings))
        cells = tuple(cell.digest for cell in now.cells)
        return rule, rests_on, rule.then_of(cells, rests_on.grouping)

    def _check_prompts(self, settings: Settings) -> None:
        now, then = self.change.now, self.change.then
        where, stored = now.prompts, then.rests.prompts
        n, there = self._prompts(settings), current_session().population(where, now.models)
        if there < n:
            raise NotComparable(f"{self.change.label}: the baseline has {n} prompts, and the task {there} now.")
        names = (where.task.name, where.stream, where.seed) != (stored.task, stored.stream, stored.seed)
        rows = range(1 if names else n)
        wrong = other_prompts(stored, prompt_set(now, rows), len(rows))
        if wrong:
            raise NotComparable(f"{self.change.label}: {wrong}. A change is that of the same prompts, measured twice.")

    @property
    def _flags(self) -> tuple[str, ...]:
        then = self.change.then
        if then.rests.asked == asked_of(self.change.now):
            return ()
        return (f"what {then.name} measured was another expression: {then.expression}",)

    def _contrary(self, basis: Basis, columns: Values, then: Then) -> tuple[ContraryPrompt, ...]:
        return against_most(self.change.now, self.region, changes_by_prompt(basis, columns, then))
