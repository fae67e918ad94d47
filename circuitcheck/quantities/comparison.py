"""Comparisons: a quantity against a threshold. Using one as a truth value is the statistical test."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuitcheck.errors import Inconclusive
from circuitcheck.quantities.recording import current_recorder
from circuitcheck.quantities.result import ComparisonResult, contrary_prompts
from circuitcheck.sampling import Design, Region, decide
from circuitcheck.session import Settings, current_session

if TYPE_CHECKING:
    from circuitcheck.quantities.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Approx:
    """`value`, give or take `abs`."""

    value: float
    abs: float


def approx(value: float, *, abs: float) -> Approx:  # noqa: A002 - pytest.approx's word
    """For `quantity == cc.approx(1.0, abs=0.05)`: equal within a margin, which is a claim that data can support.

    Raises ValueError unless both are finite and `abs` is above 0.
    """
    if not 0 < abs < math.inf or not math.isfinite(value):
        raise ValueError(f"approx({value:g}, abs={abs:g}): expected numbers, and a margin above 0 that data could support.")
    return Approx(float(value), float(abs))


class Comparison:
    """`bool(comparison)` draws prompts look by look until the interval decides or the budget is spent: True is supported,
    False refuted, and `Inconclusive` is raised otherwise. It is asked once; the verdict is kept.

    `decide()` gives the whole result and raises nothing for an inconclusive one. `repr`, copy and pickle never ask.
    """

    def __init__(self, quantity: "Quantity", region: Region) -> None:
        self.quantity, self.region = quantity, region
        self.result: ComparisonResult | None = None
        recorder = current_recorder()
        if recorder is not None:
            recorder.built(self)

    @property
    def expression(self) -> str:
        """The comparison in words, as reports show it."""
        margin = "" if self.region.margin is None else f" ± {self.region.margin:g}"
        return f"{self.quantity.label} {self.region.relation} {self.region.threshold:g}{margin}"

    def decide(self) -> ComparisonResult:
        """Measure as much as the verdict takes, once. Raises VacuousIntervention, BudgetTooSmall, NotComparable, BadMetric,
        BadTask, ModelChanged."""
        if self.result is None:
            recorder = current_recorder()
            self.result = self._decide(recorder.settings if recorder else current_session().settings)
        return self.result

    def __bool__(self) -> bool:
        recorder = current_recorder()
        result = self.decide()
        if recorder is not None:
            recorder.asked(self)
        if result.decision.verdict == "inconclusive":
            raise Inconclusive(result.describe())
        return result.decision.verdict == "supported"

    def __repr__(self) -> str:
        if self.result is None:
            return f"<{self.expression} | not asked>"
        return f"<{self.expression} | {self.result.summary()}>"

    def _repr_html_(self) -> str:
        from circuitcheck.quantities.html import comparison_table, escape_code

        return escape_code(repr(self)) if self.result is None else comparison_table(self.result)

    def _decide(self, settings: Settings) -> ComparisonResult:
        quantity, session = self.quantity, current_session()
        where = quantity.prompts
        population = session.population(where.task, quantity.models, where.stream)
        design = Design(settings.confidence, settings.first_look, settings.samples, population)
        decision = decide(quantity.draw, quantity.estimand, self.region, design)
        measured = session.measure(where.task, quantity.cells, where.stream, where.seed, range(decision.n))
        return ComparisonResult(
            expression=self.expression,
            relation=self.region.relation,
            threshold=self.region.threshold,
            margin=self.region.margin,
            decision=decision,
            task=where.task.name,
            stream=where.stream,
            seed=where.seed,
            templates=min(decision.n, len(where.task.templates)),
            receipts=measured.receipts,
            contrary=contrary_prompts(quantity, self.region, measured.values),
            local_metrics=tuple(
                dict.fromkeys(cell.metric.name for cell in quantity.cells if cell.metric.digest.startswith("local:"))
            ),
        )
