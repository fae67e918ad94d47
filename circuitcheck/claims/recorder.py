"""What a claim's test built and asked while it ran."""

from dataclasses import replace
from types import TracebackType

from circuitcheck.claims.asserts import ONE, Asserted
from circuitcheck.claims.claim import Claim
from circuitcheck.claims.failed_asserts import (
    CodeLine,
    asked_by,
    must_have_failed,
    raised_at,
    same_statement,
    stack_here,
    verdict_that_fails,
)
from circuitcheck.errors import BadPicture, ClaimAskedNothing, Inconclusive, Refuted
from circuitcheck.pictures import Picture
from circuitcheck.quantities import ComparisonResult, Question
from circuitcheck.sampling import Evidence
from circuitcheck.sampling.evidence import all_of as evidence_for_all
from circuitcheck.session import Settings

_MOST_PICTURES, _LONGEST = 20, 2_000_000  # of one claim; characters of one


class ClaimRecorder:
    """Set around the test call. Questions report to it; each counts once, however often it is asked."""

    def __init__(self, claim: Claim, settings: Settings, asserted: Asserted = ONE) -> None:
        self.claim, self.settings, self._asserted = claim, settings, asserted
        self._decided: list[Question] = []
        self._built: list[Question] = []
        self._asked: list[tuple[Question, tuple[CodeLine, ...]]] = []
        self._pictures: list[Picture] = []

    @property
    def claim_id(self) -> str:
        return self.claim.id

    def settings_for(self, question: Question) -> Settings:
        """Each question of a claim may refute it, so each has its part of the error; none is spent twice on one question."""
        if all(question is not each for each in self._decided):
            self._decided.append(question)
        place = next(place for place, each in enumerate(self._decided) if each is question)
        return replace(self.settings, refuting=self._asserted.part(place))

    def built(self, question: Question) -> None:
        self._built.append(question)

    def adopted(self, questions: tuple[Question, ...]) -> None:
        self._built = [each for each in self._built if all(each is not part for part in questions)]

    def asked(self, question: Question) -> None:
        self._asked.append((question, stack_here(skip=2)))

    def showed(self, picture: Picture) -> None:
        """Raises BadPicture. The same picture twice is one."""
        if len(picture.svg) > _LONGEST:
            raise BadPicture(
                f"claim {self.claim.id}: {picture.title!r} has {len(picture.svg):,} characters of SVG; expected "
                f"{_LONGEST:,} at most. Draw a part of it, such as grid.only(layer='L3')."
            )
        if picture in self._pictures:
            return
        if len(self._pictures) == _MOST_PICTURES:
            raise BadPicture(
                f"claim {self.claim.id} shows more than {_MOST_PICTURES} pictures, and a report holds them all: show those "
                f"that a reader needs."
            )
        self._pictures.append(picture)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(self._pictures)

    @property
    def questions(self) -> tuple[Question, ...]:
        """Those asked, in the order first asked."""
        return tuple({id(question): question for question, _ in self._asked}.values())

    @property
    def results(self) -> tuple[ComparisonResult, ...]:
        return tuple(question.result for question in self.questions if question.result is not None)

    def refutation(self, traceback: TracebackType | None) -> Refuted | None:
        """The error that an AssertionError from `traceback` stands for, or None if no comparison brought it about."""
        if traceback is None:
            return None
        raised = raised_at(traceback)
        failing = verdict_that_fails(raised)
        for question, stack in reversed(self._asked):
            result = question.result
            if result is not None and result.decision.verdict == failing and same_statement(stack, raised):
                denied = " denies what was found" if failing == "supported" else ""
                return Refuted(f"claim {self.claim.id}{denied}: {result.describe()}")
        return None

    def evidence(self, verdict: str) -> Evidence:
        """For the claim's verdict: as strong as the weakest of what was asked where it is supported; where it is refuted, as
        the strongest refutation, each of which has only its part of the error. For other verdicts there is none (p = 1)."""
        if verdict == "supported":
            kept = [
                (each, each.result.decision.verdict == "supported") for each in self.questions if each.result is not None
            ]
            return evidence_for_all([self._evidence(each, supports=supports) for each, supports in kept])
        if verdict == "refuted":
            return min((self._evidence(each, supports=False) for each in self.questions), key=lambda each: each.p)
        return Evidence(1.0, 0.0)

    def _evidence(self, question: Question, *, supports: bool) -> Evidence:
        return question.evidence(question.asked_under or self.settings, supports=supports)

    def finish(self) -> None:
        """Called where the test passed. Raises ClaimAskedNothing, and Inconclusive where the test had caught one."""
        if not self._asked:
            built = f" It built {len(self._built)} and never used one as a truth value." if self._built else ""
            raise ClaimAskedNothing(
                f"claim {self.claim.id} compared nothing, so nothing was tested.{built} Write, for example: "
                f"assert task.recovered(view) < 0.8"
            )

        for question, stack in self._asked:
            result = question.result
            if result is None:
                continue
            if result.decision.verdict == "inconclusive":
                raise Inconclusive(f"claim {self.claim.id} caught it and went on: {result.describe()}")
            if result.decision.verdict == "refuted" and must_have_failed(stack):
                raise Refuted(
                    f"claim {self.claim.id}: an assert failed, and the test caught it and went on: {result.describe()}"
                )

    def refuted_inside(self, package: str) -> bool:
        """Was a comparison refuted that a function of `package` asked, as `check.is_true(q < 1)` does?"""
        return any(
            question.result is not None and question.result.decision.verdict == "refuted" and asked_by(package, stack)
            for question, stack in self._asked
        )

    def warnings(self, *, passed: bool) -> tuple[str, ...]:
        """What a reader should know about a claim that passed all the same."""
        if not passed:
            return ()
        asked = {id(question) for question in self.questions}
        never = [question.expression for question in self._built if id(question) not in asked and question.result is None]
        notes = [f"never asked: {expression} (built, but not asserted)" for expression in never]
        notes += [
            f"refuted, yet the test passed: {result.expression} (asked outside an assert, or denied by it)"
            for result in self.results
            if result.decision.verdict == "refuted"
        ]
        return tuple(notes)
