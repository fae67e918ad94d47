"""What a claim's test built and asked while it ran."""

from types import TracebackType

from circuitcheck.claims.blame import Place, raised_at, same_statement, stack_here, verdict_that_fails
from circuitcheck.claims.claim import Claim
from circuitcheck.errors import ClaimAskedNothing, Inconclusive, Refuted
from circuitcheck.quantities import Comparison, ComparisonResult
from circuitcheck.session import Settings


class ClaimRecorder:
    """Set around the test call. Comparisons report to it; each counts once, however often it is asked."""

    def __init__(self, claim: Claim, settings: Settings) -> None:
        self.claim, self.settings = claim, settings
        self._built: list[Comparison] = []
        self._asked: list[tuple[Comparison, tuple[Place, ...]]] = []

    def built(self, comparison: Comparison) -> None:
        self._built.append(comparison)

    def asked(self, comparison: Comparison) -> None:
        self._asked.append((comparison, stack_here(skip=2)))

    @property
    def results(self) -> tuple[ComparisonResult, ...]:
        """In the order first asked."""
        unique = {id(comparison): comparison for comparison, _ in self._asked}
        return tuple(comparison.result for comparison in unique.values() if comparison.result is not None)

    def refutation(self, traceback: TracebackType | None) -> Refuted | None:
        """The error that an AssertionError from `traceback` stands for, or None if no comparison brought it about."""
        if traceback is None:
            return None
        raised = raised_at(traceback)
        failing = verdict_that_fails(raised)
        for comparison, stack in reversed(self._asked):
            result = comparison.result
            if result is not None and result.decision.verdict == failing and same_statement(stack, raised):
                denied = " denies what was found" if failing == "supported" else ""
                return Refuted(f"claim {self.claim.id}{denied}: {result.describe()}")
        return None

    def finish(self) -> None:
        """Called where the test passed. Raises ClaimAskedNothing, and Inconclusive where the test had caught one."""
        if not self._asked:
            built = f" It built {len(self._built)} and never used one as a truth value." if self._built else ""
            raise ClaimAskedNothing(
                f"claim {self.claim.id} compared nothing, so nothing was tested.{built} Write, for example: "
                f"assert task.recovered(view) < 0.8"
            )

        for result in self.results:
            if result.decision.verdict == "inconclusive":
                raise Inconclusive(f"claim {self.claim.id} caught it and went on: {result.describe()}")

    def warnings(self, *, passed: bool) -> tuple[str, ...]:
        """What a reader should know about a claim that passed all the same."""
        if not passed:
            return ()
        asked = {id(comparison) for comparison, _ in self._asked}
        never = [comparison.expression for comparison in self._built if id(comparison) not in asked]
        notes = [f"never asked: {expression} (built, but not asserted)" for expression in never]
        notes += [
            f"refuted, yet the test passed: {result.expression} (asked outside an assert, or denied by it)"
            for result in self.results
            if result.decision.verdict == "refuted"
        ]
        return tuple(notes)
