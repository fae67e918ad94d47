"""Questions: what a claim asserts, and who is told of them. Using one as a truth value is the statistical test."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import NoReturn, Protocol

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import Inconclusive, NotComparable
from circuitcheck.notices import say_once
from circuitcheck.pictures import Picture
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.asker import check_asked_openly, is_pytest
from circuitcheck.quantities.questions.history import ASKED, looks, note_asked, note_looked, tries
from circuitcheck.quantities.questions.html import escape_code
from circuitcheck.quantities.questions.result import ComparisonResult
from circuitcheck.sampling import Evidence
from circuitcheck.session import Asked, Settings, current_session


class Recorder(Protocol):
    """`settings_for` a question hold while it records. Questions `adopted` by another are asked as its parts."""

    @property
    def claim_id(self) -> str: ...

    def settings_for(self, question: "Question") -> Settings: ...
    def built(self, question: "Question") -> None: ...
    def adopted(self, questions: "tuple[Question, ...]") -> None: ...
    def asked(self, question: "Question") -> None: ...
    def showed(self, picture: Picture) -> None: ...


_recorder: ContextVar[Recorder | None] = ContextVar("circuitcheck_recorder", default=None)


def current_recorder() -> Recorder | None:
    return _recorder.get()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


class Question(ABC):
    """`bool(question)` measures until it is decided or the budget is spent: True is supported, False refuted, and
    `Inconclusive` is raised otherwise. It is asked once; the verdict is kept.

    `decide()` gives the whole result and raises nothing for an inconclusive one. `repr`, copy and pickle never ask.
    """

    def __init__(self) -> None:
        self.result: ComparisonResult | None = None
        self.asked_under: Settings | None = None
        recorder = current_recorder()
        if recorder is not None:
            recorder.built(self)

    @property
    @abstractmethod
    def expression(self) -> str:
        """The question in words, as reports show it."""

    @abstractmethod
    def ask(self, settings: Settings) -> ComparisonResult:
        """Measure as much as the verdict takes under `settings`; nothing is kept but the measured values."""

    @abstractmethod
    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        """How strong the data that were asked for under `settings` are for the claim, or against it."""

    @known_arguments
    def decide(self, *, samples: int | None = None) -> ComparisonResult:
        """Ask once, and keep the result. `samples` asks again with another budget of prompts; where that raises one which
        decided nothing, the result says so. Raises VacuousIntervention, BudgetTooSmall, NotComparable, BadMetric, BadTask,
        BelowNoise, ModelChanged."""
        if self.result is None or samples is not None:
            recorder = current_recorder()
            settings = recorder.settings_for(self) if recorder else current_session().settings
            self.asked_under = settings if samples is None else replace(settings, samples=samples)
            self.result = self.ask(self.asked_under)
            self.result = self.remember(self.result, self.asked_under)
        return self.result

    def remember(self, result: ComparisonResult, settings: Settings) -> ComparisonResult:
        """Note in the ledger that this was asked, and say of the result what it may have been picked from."""
        session, decision = current_session(), result.decision
        mine = Asked(
            question=result.question,
            claim=claim_asking(),
            seed=result.seed,
            budget=self.budget(settings),
            verdict=decision.verdict,
            expression=result.expression,
            relation=result.relation,
            threshold="" if result.threshold is None else repr(result.threshold),
        )
        earlier = note_asked(session, mine)
        if not mine.claim:
            session.asked_outside += 1
            note_looked(session, self.about, ASKED)
            say_once(
                f"{self.about.prompts.task.name}: compared outside of a claim, on the {result.stream} stream: a claim that "
                f"is judged on it says from now on that it was looked at. .estimate(n) looks at other prompts."
            )
        if decision.verdict == "inconclusive":
            return result

        def p() -> float:
            return self.evidence(settings, supports=decision.verdict == "supported").p

        return replace(
            result,
            tries=tries(earlier, 1 - settings.confidence, p),
            looks=looks(session, self.about, settings, p, in_claim=bool(mine.claim)),
        )

    @property
    @abstractmethod
    def about(self) -> Expression:
        """What is measured for it."""

    def budget(self, settings: Settings) -> int:
        """The most prompts that it may take."""
        return settings.samples

    def __bool__(self) -> bool:
        asker = sys._getframe(1)
        if is_pytest(asker):  # what was not asked is not asked for a text, either
            return self.result is None or self.result.decision.verdict == "supported"
        check_asked_openly(asker)
        recorder = current_recorder()
        result = self.decide()
        if recorder is not None:
            recorder.asked(self)
        if result.decision.verdict == "inconclusive":
            asking = f"claim {recorder.claim_id}: " if recorder is not None else ""
            raise Inconclusive(f"{asking}{result.describe()}")
        return result.decision.verdict == "supported"

    def _no_operator(self, *_others: object) -> NoReturn:
        """Of `&`, `|` and `~`. Raises NotComparable."""
        raise NotComparable(
            f"{self.expression}: comparisons have no &, | and ~. Write cc.all_of(a > 0, b > 0) for both, cc.any_of(a > 0, "
            f"b > 0) for one of them, and `not (a > 0)` in an assert."
        )

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = _no_operator

    def __repr__(self) -> str:
        if self.result is None:
            return f"<{self.expression} | not asked>"
        return f"<{self.expression} | {self.result.summary()}>"

    def _repr_html_(self) -> str:
        return escape_code(repr(self)) if self.result is None else self.result._repr_html_()


def claim_asking() -> str:
    """The id of the claim that is asking, empty outside claims."""
    recorder = current_recorder()
    return recorder.claim_id if recorder else ""
