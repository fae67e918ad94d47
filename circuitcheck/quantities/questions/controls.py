"""Would other heads, sites or features have done the same? An effect against that of sets drawn by lot."""

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from circuitcheck.errors import BadTask, NotComparable
from circuitcheck.grounds.rests import Versus
from circuitcheck.places import Part
from circuitcheck.plan import Cell
from circuitcheck.prompts import keyed_number
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.conditions import Conditions, conditions_of
from circuitcheck.quantities.questions.drawn import Control, RandomFeatures, RandomParts, Sets
from circuitcheck.quantities.questions.estimand import basis_of, estimand_of
from circuitcheck.quantities.questions.history import question_key
from circuitcheck.quantities.questions.outcome import ControlResult
from circuitcheck.quantities.questions.question import Question
from circuitcheck.quantities.questions.resting import fixed_prompts, rests_of
from circuitcheck.quantities.questions.result import ComparisonResult, result_of
from circuitcheck.sampling import (
    Design,
    Differences,
    Estimand,
    Evidence,
    Ranking,
    Tally,
    ranked,
    stages_of,
)
from circuitcheck.session import Settings, current_session
from circuitcheck.stats import e_value_of

_ALL_UP_TO = 1000
_HALVINGS = 20
_MOST_KEPT = 1 << 16  # numbers of the sets that are compared
_AT_ONCE = 8  # sets measured in one plan: they share the clean and counterfactual runs


class Beats(Question):
    """A set is beaten if it has less effect. Which sets are is judged from paired differences on the same prompts, look by
    look, at levels that hold for all of them together (`Needs`): supported where enough are shown to be beaten, refuted
    where too many are shown to be ahead. What is ahead by chance on these prompts is neither.
    """

    def __init__(self, effect: Expression, control: Control, share: float, prompts: int | None) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share={share} is no share of sets; expected a number between 0 and 1, such as 0.95.")
        if prompts is not None and prompts < 2:
            raise BadTask(f"prompts={prompts} show no difference between sets; expected 2 or more.")
        self.effect, self.control, self.share, self.prompts = effect, control, share, prompts
        if not isinstance(control, RandomParts | RandomFeatures):
            raise NotComparable(
                f"cannot beat {control!r}: expected cc.random_heads(like='L9H9'), the claimed heads in it, cc.random_sites "
                f"or cc.random_features."
            )
        self.claimed, self.noun = control.claimed(effect), control.noun(effect)
        super().__init__()

    @property
    def about(self) -> Expression:
        return self.effect

    def budget(self, settings: Settings) -> int:
        return settings.samples if self.prompts is None else self.prompts

    @property
    def expression(self) -> str:
        return f"{self.effect.label} beats {self.share:.4g} of random {self.noun}s like {', '.join(map(str, self.claimed))}"

    def ask(self, settings: Settings) -> ComparisonResult:
        conditions = conditions_of(self.effect, settings)
        rule = self._rule(settings, conditions)
        tally, looks = rule.decide(self._differences(conditions))
        return self._result(settings, conditions, rule, tally, looks)

    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        """Found by halving the error on the same sets and prompts for as long as the verdict stands."""
        wanted = "supported" if supports else "refuted"
        found = self.ask(settings) if self.result is None else self.result
        if found.decision.verdict != wanted or found.control is None:
            return Evidence(1.0, 0.0)
        conditions = conditions_of(self.effect, settings)
        rule, differences = self._rule(settings, conditions), self._differences(conditions)
        sets, look = found.control.tally.draws, len(found.decision.looks) - 1
        alpha = rule.alpha
        for _ in range(_HALVINGS):
            if rule.tally(differences, sets, look, alpha / 2).verdict(rule.needed(sets, alpha / 2)) != wanted:
                break
            alpha /= 2
        return Evidence(alpha, e_value_of(alpha))

    def _rule(self, settings: Settings, conditions: Conditions) -> Ranking:
        where = self.effect.prompts
        population = current_session().population(where, self.effect.models)
        maximum = self.budget(settings)
        first = min(settings.first_look, maximum)
        census = where.is_population and not conditions.grouping.clusters
        design = Design(settings.confidence, first, maximum, population, census, settings.refuting)
        all_sets = self._matched.count <= _ALL_UP_TO
        sizes = (self._matched.count,) if all_sets else stages_of(self.control.draws, self.share, design.alpha)
        return Ranking(design, self.share, sizes, all_sets)

    def _differences(self, conditions: Conditions) -> Differences:
        """The claimed effect less that of each set, on the same prompts."""
        where = self.effect.prompts

        def differences(sets: int, prompts: int) -> Iterator[Estimand]:
            rows = range(prompts)
            for others in _in_groups([self._instead(number) for number in range(sets)]):
                cells = {cell.digest: cell for other in others for cell in other.cells}
                current_session().measure(where, tuple(cells.values()), rows)
                for other in others:
                    difference = self.effect - other
                    yield estimand_of(difference, difference.draw(rows), conditions)

        return differences

    @cached_property
    def _matched(self) -> Sets:
        return self.control.sets(self.effect)

    def _parts(self, number: int) -> tuple[Part, ...]:
        """The set of this number: of all in order, or of those drawn."""
        matched = self._matched
        if matched.count <= _ALL_UP_TO:
            return matched[number]
        return matched[keyed_number(f"controls {self._seed} {number} {', '.join(map(str, self.claimed))}", matched.count)]

    def _instead(self, number: int) -> Expression:
        return self.effect.swap_parts(self.claimed, self._parts(number))

    def _strongest(self, sets: int, rows: range, conditions: Conditions) -> tuple[str, float]:
        """Of the sets that were compared, the one with the largest effect."""
        effects = (estimand_of(each, each.draw(rows), conditions).value for each in map(self._instead, range(sets)))
        strength, number = max(
            ((effect, -number) for number, effect in enumerate(effects) if math.isfinite(effect)), default=(-math.inf, 0)
        )
        return ", ".join(map(str, self._parts(-number))), strength

    def _versus(self, rule: Ranking, conditions: Conditions, sets: int, n: int) -> Versus:
        """With the numbers of the sets on all prompts, where they are few enough to be kept."""
        where, session = self.effect.prompts, current_session()
        mine = self.effect.cells

        def others(number: int) -> list[Cell]:
            known = {cell.digest for cell in mine}
            return [cell for cell in self._instead(number).cells if cell.digest not in known]

        first, values = others(0), None
        basis = basis_of(self.effect - self._instead(0), conditions, (*mine, *first))
        if sets * len(first) * n <= _MOST_KEPT:
            measured = (session.measure(where, others(number), range(n)).values for number in range(sets))
            values = np.stack(list(measured))
        return Versus(rule.design, rule.share, rule.sizes, rule.all_sets, sets, self.noun, basis.form, basis.floors, values)

    @property
    def _seed(self) -> int:
        return self.effect.prompts.seed if self.control.seed is None else self.control.seed

    def _result(
        self,
        settings: Settings,
        conditions: Conditions,
        rule: Ranking,
        tally: Tally,
        looks: tuple[tuple[int, float, float], ...],
    ) -> ComparisonResult:
        where, effect, n = self.effect.prompts, self.effect, looks[-1][0]
        own = estimand_of(effect, effect.draw(range(n)), conditions)
        strongest, strength = self._strongest(tally.draws, range(n), conditions)
        measured = current_session().measure(where, effect.cells, range(n))
        return result_of(
            effect,
            measured,
            ranked(rule, own, tally, looks, self.noun),
            expression=self.expression,
            relation=">=",
            threshold=self.share,
            scope=settings.scope,
            question=question_key(effect, settings.scope, "beats", ", ".join(map(str, self.claimed))),
            control=ControlResult(
                like=", ".join(map(str, self.claimed)),
                noun=self.noun,
                matched=self._matched.count,
                tally=tally,
                seed=self._seed,
                own=own.value,
                strongest=strongest,
                strongest_effect=strength,
            ),
            rests=rests_of(
                effect,
                basis_of(effect, conditions),
                self._versus(rule, conditions, tally.draws, n),
                n,
                fixed_prompts(effect, settings),
            ),
        )


def _in_groups(quantities: list[Expression]) -> Iterator[list[Expression]]:
    for start in range(0, len(quantities), _AT_ONCE):
        yield quantities[start : start + _AT_ONCE]
