"""Universal claims: it holds on every prompt, or here is one on which it does not."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from circuitcheck.arguments import known_arguments
from circuitcheck.digest import digest
from circuitcheck.errors import BadMetric, BadTask, NotComparable, VacuousIntervention
from circuitcheck.given import checked_number, checked_whole
from circuitcheck.prompts import TaskDefinition
from circuitcheck.prompts.cases import Case, case_at
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.expressions.shrinking import shrink
from circuitcheck.quantities.questions.comparison import Comparison
from circuitcheck.quantities.questions.conditions import conditions_of
from circuitcheck.quantities.questions.estimand import basis_of
from circuitcheck.quantities.questions.history import lasting, question_key
from circuitcheck.quantities.questions.outcome import ContraryPrompt
from circuitcheck.quantities.questions.question import Question, current_recorder
from circuitcheck.quantities.questions.resting import rests_of
from circuitcheck.quantities.questions.result import ComparisonResult, contrary_prompts, result_of
from circuitcheck.sampling import Basis, Decision, Evidence, Search, Searched, searched
from circuitcheck.session import Settings, current_session
from circuitcheck.stats import e_value_of, violations_found

_BLOCKS_AT_ONCE = 4


class ForAll(Question):
    """Prompts are searched in order until one violates the comparison, or as many are seen as would have shown a violation
    `rate`. Prompts stored by an earlier run are tried first."""

    def __init__(self, comparison: Comparison, rate: float, prompts: int | None) -> None:
        _check(comparison, rate, prompts)
        self.comparison, self.rate, self.prompts = comparison, rate, prompts
        super().__init__()
        recorder = current_recorder()
        if recorder is not None:
            recorder.adopted((comparison,))

    @property
    def expression(self) -> str:
        return f"for all prompts: {self.comparison.expression}"

    def ask(self, settings: Settings) -> ComparisonResult:
        replayed = self._replay(settings)
        return self._search(settings) if replayed is None else replayed

    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        decision = (self.ask(settings) if self.result is None else self.result).decision
        if decision.verdict != ("supported" if supports else "refuted"):
            return Evidence(1.0, 0.0)
        if not supports or decision.census:
            return Evidence(0.0, math.inf)
        p = min(1.0, 2 * (1 - self.rate) ** self._trials(decision.n))
        return Evidence(p, e_value_of(p))

    @property
    def about(self) -> Expression:
        return self._quantity

    def budget(self, settings: Settings) -> int:
        return violations_found(self.rate, _tail(settings)) if self.prompts is None else self.prompts

    @property
    def _quantity(self) -> Expression:
        return self.comparison.quantity

    def _search(self, settings: Settings) -> ComparisonResult:
        quantity, rule = self._quantity, self._rule(settings)
        n, near, undefined = 0, 0, 0
        while n < rule.budget and (self.prompts is not None or self._trials(n) < rule.enough):
            stop = min(rule.budget, n + _BLOCKS_AT_ONCE * settings.batch)
            # Where prompts share sampling units it takes more than enough.
            rows = range(n, min(stop, rule.enough) if n < rule.enough else stop)
            found = self._searched(quantity, rows, settings)
            if found.violated.any():
                return self._refuted(settings, n + int(np.argmax(found.violated)))
            n, near, undefined = rows.stop, near + int(found.near.sum()), undefined + int(found.undefined.sum())
        return self._result(settings, rule.unfalsified(n, near, undefined, self._trials(n)), quantity, (), ())

    def _rule(self, settings: Settings) -> Search:
        where = self._quantity.prompts
        population = current_session().population(where, self._quantity.models)
        return Search(self.rate, settings.confidence, self.prompts, population, where.is_population, where.task.facts.groups)

    def _searched(self, quantity: Expression, rows: range, settings: Settings) -> Searched:
        return searched(quantity.per_prompt(quantity.draw(rows)), self.comparison.region, self._basis(settings).floor.worst)

    def _basis(self, settings: Settings) -> Basis:
        return basis_of(self._quantity, conditions_of(self._quantity, settings))

    def _replay(self, settings: Settings) -> ComparisonResult | None:
        """What is stored from earlier, if any of it still violates."""
        task = self._quantity.prompts.task
        if not isinstance(task, TaskDefinition):
            return None
        tokenizer = current_session().engine.tokenizer(self._quantity.models[0])
        stored = [found for each in current_session().counterexamples.load(self._key) if (found := _case(task, each))]
        stored = [case for case in stored if case.fits(tokenizer)]
        for case, violates in zip(stored, self._violate(stored, settings), strict=True):
            if violates:
                return self._falsified(settings, self._shrunk(case, settings), None)
        return None

    def _refuted(self, settings: Settings, index: int) -> ComparisonResult:
        where, task = self._quantity.prompts, self._quantity.prompts.task
        if not isinstance(task, TaskDefinition):
            return self._falsified(settings, None, index)
        tokenizer = current_session().engine.tokenizer(self._quantity.models[0])
        case = case_at(task, tokenizer, index, seed=where.seed, stream=where.stream)
        found = self._falsified(settings, self._shrunk(case, settings), index)
        if current_session().store is not None:
            self._replay(settings)  # the next run begins so, and then loads no model for it
        return found

    def _shrunk(self, case: Case, settings: Settings) -> Case:
        tokenizer = current_session().engine.tokenizer(self._quantity.models[0])
        found = shrink(case, lambda cases: self._violate(cases, settings), lambda each: each.fits(tokenizer))
        kept = {"template": found.template, "values": dict(found.values)}
        current_session().counterexamples.add(self._key, kept, {"task": case.task.name, "claim": self.expression})
        return found

    def _violate(self, cases: Sequence[Case], settings: Settings) -> list[bool]:
        """Cases that cannot be measured, or on which the intervention does not act, do not violate."""
        if not cases:
            return []
        try:
            violated = self._searched(self._quantity.picked(cases), range(len(cases)), settings).violated
        except (BadTask, BadMetric, VacuousIntervention):
            if len(cases) == 1:
                return [False]
            return [each for case in cases for each in self._violate([case], settings)]
        return [bool(each) for each in violated]

    def _trials(self, n: int) -> int:
        """How many of the first `n` prompts are independent: those of one sampling unit (a document) count as one."""
        where, session = self._quantity.prompts, current_session()
        if not where.task.facts.has_sampling_units:
            return n
        labels = session.labels(where, self._quantity.models[0], range(n))
        return len({label.sampling_unit for label in labels})

    @property
    def _key(self) -> str:
        """The same for every model, so that a prompt which broke the last one is tried on the next."""
        cells = [
            (k, lasting(cell.metric), cell.view.base, *(each.digest for each in cell.view.interventions))
            for k, cell in self._quantity.numerator.terms
        ]
        region = self.comparison.region
        where = (region.relation, region.threshold, region.margin)
        return digest((self._quantity.prompts.task.digest, cells, self._quantity.numerator.constant, where))

    def _falsified(self, settings: Settings, case: Case | None, index: int | None) -> ComparisonResult:
        """`index` is where it was found; None: it was stored."""
        n = None if index is None else index + 1
        decision = self._rule(settings).refuted(n, 1 if n is None else self._trials(n))
        quantity = self._quantity if case is None else self._quantity.picked([case])
        rows = range(index or 0, (index or 0) + 1) if case is None else range(1)
        found = contrary_prompts(quantity, self.comparison.region, quantity.draw(rows), first=rows.start)
        flags: tuple[str, ...] = ()
        if case is not None:
            found = tuple(replace(each, index=None) for each in found)
            flags = ("a stored counterexample still holds" if index is None else f"found at prompt #{index}, and shrunk",)
        return self._result(settings, decision, quantity if index is None else self._quantity, found, flags)

    def _result(
        self,
        settings: Settings,
        decision: Decision,
        seen: Expression,
        contrary: tuple[ContraryPrompt, ...],
        flags: tuple[str, ...],
    ) -> ComparisonResult:
        """`seen` is what the decision rests on: the quantity, or the quantity on one prompt that was stored."""
        quantity, where = self._quantity, seen.prompts
        measured = current_session().measure(where, seen.cells, range(decision.n))
        return result_of(
            quantity,
            measured,
            decision,
            expression=self.expression,
            relation=f"all {self.comparison.region.relation}",
            threshold=self.comparison.region.threshold,
            margin=self.comparison.region.margin,
            scope="these_templates",
            question=question_key(quantity, "these_templates", self.comparison.region.relation, "for all"),
            contrary=contrary,
            flags=flags,
            rests=rests_of(
                seen,
                self._basis(settings),
                self._rule(settings),
                decision.n,
                0,
                replayed=seen is not quantity,
            ),
        )


@known_arguments
def forall(comparison: object, *, rate: float = 0.001, prompts: int | None = None) -> ForAll:
    """It holds on every prompt: `assert cc.forall(quantity > 0)`.

    A prompt on which it does not hold refutes it; that prompt is shrunk to the first template and the earliest items that
    still violate it, stored, and tried first next time. Without one it is supported, which says that the share of prompts
    that violate it is at most `rate`: as many prompts are searched as would show a larger share with the probability
    1 - (1 - confidence) / 2 (3,688 for one in a thousand at 0.95). `prompts` allows fewer; then it may be inconclusive.

    Raises NotComparable for what is no comparison of a number per prompt, ValueError unless 0 < rate < 1.
    """
    if not isinstance(comparison, Comparison):
        raise NotComparable(f"cc.forall got {comparison!r}; expected one comparison, such as quantity > 0.")
    return ForAll(comparison, rate, prompts)


def _check(comparison: Comparison, rate: float, prompts: int | None) -> None:
    comparison.quantity.check_per_prompt("cc.forall")
    if not 0 < checked_number("cc.forall has rate", rate, ValueError, "a share of prompts, such as 0.001") < 1:
        raise ValueError(f"cc.forall has rate={rate!r}; expected a share of prompts between 0 and 1, such as 0.001.")
    if prompts is not None:
        checked_whole("cc.forall has prompts", prompts, BadTask)


def _tail(settings: Settings) -> float:
    return (1 - settings.confidence) / 2


def _case(task: TaskDefinition, stored: dict[str, object]) -> Case | None:
    """A stored case, if it is one of this task."""
    values, template = stored.get("values"), stored.get("template")
    if not isinstance(values, dict) or not isinstance(template, str) or set(values) != {name for name, _ in task.variables}:
        return None
    return Case(task, template, tuple((name, str(values[name])) for name, _ in task.variables))
