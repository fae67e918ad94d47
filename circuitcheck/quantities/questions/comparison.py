"""Comparisons: a quantity against a threshold."""

import math
from dataclasses import dataclass

from circuitcheck.arguments import known_arguments
from circuitcheck.given import checked_number
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.conditions import Conditions, conditions_of, measure_first_look
from circuitcheck.quantities.questions.estimand import basis_of, estimand_of
from circuitcheck.quantities.questions.history import question_key
from circuitcheck.quantities.questions.question import Question
from circuitcheck.quantities.questions.reach import with_reach
from circuitcheck.quantities.questions.resting import fixed_prompts, rests_of
from circuitcheck.quantities.questions.result import ComparisonResult, contrary_prompts, result_of
from circuitcheck.sampling import Design, Evidence, Region, decide, evidence
from circuitcheck.session import Settings, current_session


@dataclass(frozen=True, eq=False)
class Approx:
    """`value`, give or take `abs`."""

    value: float
    abs: float


@known_arguments
def approx(value: float, *, abs: float) -> Approx:  # noqa: A002 - pytest.approx's word
    """For `quantity == cc.approx(1.0, abs=0.05)`: equal within a margin, which is a claim that data can support.

    Raises ValueError unless both are finite and `abs` is above 0.
    """
    centre = checked_number("approx(): value", value, ValueError, "a finite number, and a margin above 0")
    margin = checked_number("approx(): abs", abs, ValueError, "a margin above 0, in the units of the value")
    if margin <= 0:
        raise ValueError(f"approx({centre:g}, abs={margin:g}): expected a margin above 0 that data could support.")
    return Approx(centre, margin)


class Comparison(Question):
    """Is the number in the region? Prompts are drawn look by look until the interval tells."""

    def __init__(self, quantity: Expression, region: Region) -> None:
        self.quantity, self.region = quantity, region
        super().__init__()

    @property
    def expression(self) -> str:
        margin = "" if self.region.margin is None else f" ± {self.region.margin:g}"
        return f"{self.quantity.label} {self.region.relation} {self.region.threshold:g}{margin}"

    def ask(self, settings: Settings) -> ComparisonResult:
        quantity, session = self.quantity, current_session()
        measure_first_look(quantity)
        where, conditions = quantity.prompts, conditions_of(quantity, settings)
        design = self._design(settings, conditions)
        basis = basis_of(quantity, conditions)
        decision = decide(quantity.draw, basis.estimand, self.region, design)
        measured = session.measure(where, quantity.cells, range(decision.n))
        return result_of(
            quantity,
            measured,
            with_reach(decision, quantity, measured.values),
            expression=self.expression,
            relation=self.region.relation,
            threshold=self.region.threshold,
            margin=self.region.margin,
            scope=settings.scope,
            question=question_key(quantity, settings.scope),
            contrary=contrary_prompts(quantity, self.region, measured.values, decision.estimate),
            flags=self._trivial,
            rests=rests_of(quantity, basis, design, decision.n, fixed_prompts(quantity, settings)),
        )

    @property
    def about(self) -> Expression:
        return self.quantity

    @property
    def _trivial(self) -> tuple[str, ...]:
        """A threshold that all values, or none, are on the right side of: a share in percent, most often."""
        bounds = self.quantity.bounds if self.quantity.denominator is None else None
        if bounds is None:
            return ()
        inside = [each for each in (self.region.threshold, *self.region.edges) if bounds[0] <= each <= bounds[1]]
        holds = {self.region.holds(each) for each in (*bounds, *inside)}
        if len(holds) > 1:
            return ()
        asked = f"{self.region.relation} {self.region.threshold:g} {'always' if holds == {True} else 'never'} holds"
        return (
            f"{self.quantity.label} lies between {bounds[0]:g} and {bounds[1]:g} whatever the model does: {asked}, and "
            f"nothing is tested. A share is a number from 0 to 1, as 0.95",
        )

    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        decision = (self.ask(settings) if self.result is None else self.result).decision
        conditions = conditions_of(self.quantity, settings)
        if not math.isfinite(decision.estimate):
            return Evidence(1.0, 0.0)
        estimand = estimand_of(self.quantity, self.quantity.draw(range(decision.n)), conditions)
        design = self._design(settings, conditions)
        return evidence(estimand, self.region, design, len(decision.looks) - 1, supports=supports)

    def _design(self, settings: Settings, conditions: Conditions) -> Design:
        where = self.quantity.prompts
        population = current_session().population(where, self.quantity.models)
        census = not conditions.grouping.clusters and where.is_population
        return Design(settings.confidence, settings.first_look, settings.samples, population, census, settings.refuting)
