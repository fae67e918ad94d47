"""Would other heads have done the same? An effect against that of head sets drawn by lot."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from circuitcheck.errors import BadIntervention, BadTask, NotComparable
from circuitcheck.plan import Architecture, Head, MatchedHeads, parse_units
from circuitcheck.prompts import keyed_number
from circuitcheck.quantities.conditions import Conditions, conditions_of
from circuitcheck.quantities.judging import estimand_of
from circuitcheck.quantities.question import Question
from circuitcheck.quantities.result import ComparisonResult, ControlResult, local_metrics
from circuitcheck.sampling import Decision, Estimand, Evidence, Level, Tally
from circuitcheck.session import Settings, current_session
from circuitcheck.stats import e_value_of

if TYPE_CHECKING:
    from circuitcheck.quantities.quantity import Quantity

_ALL_UP_TO = 1000
_HALVINGS = 20
_AT_ONCE = 8  # head sets measured in one plan: they share the clean and counterfactual runs


@dataclass(frozen=True)
class RandomHeads:
    """Head sets with as many heads of each layer as `like`, which itself is left out. `draws` is the most that one question
    may take; where there are at most 1,000 sets, all of them are compared instead. `seed` defaults to the session's."""

    like: str | tuple[Head, ...]
    draws: int = 512
    seed: int | None = None


def random_heads(*, like: str | tuple[Head, ...], draws: int = 512, seed: int | None = None) -> RandomHeads:
    """A control for `effect.beats(...)`. `like` names the heads that the effect's intervention is on; where an intervention
    has several sets of heads, it says which of them varies.

    Raises BadIntervention for fewer than 2 draws.
    """
    if draws < 2:
        raise BadIntervention(f"draws={draws} show nothing: to show that 95% are beaten takes 116 at least.")
    return RandomHeads(like, draws, seed)


@dataclass(frozen=True)
class _Strongest:
    effect: float = -math.inf
    heads: tuple[Head, ...] = ()


class Beats(Question):
    """A set is beaten if it has less effect on the same prompts; `Tally` says what follows from how many are.

    Whether a set is beaten by more than chance is judged from the paired differences, so that an effect of noise, which
    is ahead of the others on these prompts only, is not supported.
    """

    def __init__(self, effect: "Quantity", control: RandomHeads, share: float, prompts: int) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share={share} is no share of head sets; expected a number between 0 and 1, such as 0.95.")
        if prompts < 2:
            raise BadTask(f"prompts={prompts} show no difference between head sets; expected 2 or more, 64 are usual.")
        self.effect, self.control, self.share, self.prompts = effect, control, share, prompts
        self.claimed = _claimed(effect, control)
        super().__init__()

    @property
    def expression(self) -> str:
        return f"{self.effect.label} beats {self.share:.4g} of random heads like {', '.join(map(str, self.claimed))}"

    def ask(self, settings: Settings) -> ComparisonResult:
        where, alpha = self.effect.prompts, 1 - settings.confidence
        population = current_session().population(where.task, self.effect.models, where.stream)
        rows, conditions = range(min(self.prompts, population)), conditions_of(self.effect, settings)
        level = Level(alpha / 2, alpha, exact=len(rows) == population and conditions.clusters is None)
        own = estimand_of(self.effect, self.effect.draw(rows), conditions)
        matched = MatchedHeads(self.claimed, _architecture(self.effect).n_heads)
        tally, strongest = Tally(), _Strongest()
        problem = own.undefined(level) if math.isfinite(own.value) else "the effect is no finite number on these prompts"
        if problem is None:
            tally, strongest = self._draw(matched, rows, conditions, level)
        return self._result(settings, rows, own, problem, matched, tally, strongest)

    def evidence(self, settings: Settings, *, supports: bool) -> Evidence:
        """Found by asking again at half the error, and half of that, on the same sets and prompts."""
        wanted = "supported" if supports else "refuted"
        found = self.ask(settings) if self.result is None else self.result
        if found.decision.verdict != wanted or found.control is None:
            return Evidence(1.0, 0.0)
        same = Beats(self.effect, replace(self.control, draws=found.control.tally.draws), self.share, self.prompts)
        alpha = 1 - settings.confidence
        for _ in range(_HALVINGS):
            if same.ask(replace(settings, confidence=1 - alpha / 2)).decision.verdict != wanted:
                break
            alpha /= 2
        return Evidence(alpha, e_value_of(alpha))

    def _draw(self, matched: MatchedHeads, rows: range, conditions: Conditions, level: Level) -> tuple[Tally, _Strongest]:
        """Sets until the verdict stands, or all of them where they are few."""
        where, session = self.effect.prompts, current_session()
        few = matched.count <= _ALL_UP_TO
        tally, strongest = Tally(complete=few), _Strongest()
        for sets in _in_groups(self._sets(matched)):
            others = [(heads, self.effect.swap_units(self.claimed, heads)) for heads in sets]
            cells = {cell.digest: cell for _, other in others for cell in other.cells}
            session.measure(where.task, tuple(cells.values()), where.stream, where.seed, rows)
            for heads, other in others:
                difference = self.effect - other
                found = estimand_of(difference, difference.draw(rows), conditions)
                shown = found.problem(level) is None and found.side(0.0, level) == 1
                tally = tally.plus(found.value, noise=found.noise, shown=shown)
                strength = estimand_of(other, other.draw(rows), conditions).value
                strongest = max(strongest, _Strongest(strength, heads), key=lambda each: each.effect)
            if not few and tally.verdict(self.share, level.alpha) != "inconclusive":
                break
        return tally, strongest

    def _sets(self, matched: MatchedHeads) -> Iterator[tuple[Head, ...]]:
        if matched.count <= _ALL_UP_TO:
            yield from (matched[number] for number in range(matched.count))
            return
        for draw in range(self.control.draws):
            yield matched[keyed_number(f"controls {self._seed} {draw} {matched.claimed}", matched.count)]

    @property
    def _seed(self) -> int:
        return self.effect.prompts.seed if self.control.seed is None else self.control.seed

    def _result(
        self,
        settings: Settings,
        rows: range,
        own: Estimand,
        problem: str | None,
        matched: MatchedHeads,
        tally: Tally,
        strongest: _Strongest,
    ) -> ComparisonResult:
        where, effect = self.effect.prompts, self.effect
        return ComparisonResult(
            expression=self.expression,
            relation=">=",
            threshold=self.share,
            margin=None,
            decision=self._decision(settings, len(rows), problem, tally),
            task=where.task.name,
            stream=where.stream,
            seed=where.seed,
            templates=current_session().count_groups(where.task, effect.models[0], where.stream, len(rows)),
            groups=where.task.groups,
            scope=settings.scope,
            receipts=current_session().measure(where.task, effect.cells, where.stream, where.seed, rows).receipts,
            contrary=(),
            local_metrics=local_metrics(effect),
            flags=where.flags,
            control=ControlResult(
                like=", ".join(map(str, self.claimed)),
                matched=matched.count,
                tally=tally,
                seed=self._seed,
                own=own.value,
                strongest=", ".join(map(str, strongest.heads)),
                strongest_effect=strongest.effect,
            ),
        )

    def _decision(self, settings: Settings, n: int, problem: str | None, tally: Tally) -> Decision:
        alpha = 1 - settings.confidence
        if problem is not None:
            return Decision(
                "inconclusive", problem, math.nan, math.nan, math.nan, "none", 1 - alpha, n, (), (), (), exhausted=False
            )
        shown, beaten = tally.intervals(alpha)
        verdict = tally.verdict(self.share, alpha)
        return Decision(
            verdict=verdict,
            reason=self._undecided(tally, shown.low, beaten.high) if verdict == "inconclusive" else "",
            estimate=tally.beaten / tally.draws,
            low=shown.low,
            high=beaten.high,
            method=f"share of {tally.draws} head sets beaten on {n} prompts, {beaten.method}",
            confidence=1 - alpha,
            n=n,
            looks=((n, shown.low, beaten.high),),
            n_more=(),
            warnings=(),
            exhausted=tally.complete,
        )

    def _undecided(self, tally: Tally, low: float, high: float) -> str:
        if tally.beaten - tally.shown > tally.draws - tally.beaten:
            return (
                f"{tally.beaten} of {tally.draws} head sets are beaten on these {self.prompts} prompts, but only "
                f"{tally.shown} beyond chance: more prompts (prompts=) would tell"
            )
        return f"{tally.draws} head sets leave the share between {low:.3g} and {high:.3g}: more draws (draws=) would tell"


def _claimed(effect: "Quantity", control: RandomHeads) -> tuple[Head, ...]:
    claimed = parse_units(control.like, _architecture(effect))
    heads = tuple(unit for unit in claimed if isinstance(unit, Head))
    if len(heads) != len(claimed):
        raise NotComparable(
            f"random_heads(like={control.like!r}) must name heads, such as L9H9: layers have no peers to draw."
        )
    sets = {units for cell in effect.cells for step in cell.view.interventions for units in step.unit_sets}
    if heads not in sets:
        there = "; ".join(sorted(", ".join(map(str, units)) for units in sets)) or "none"
        raise NotComparable(
            f"no intervention in {effect.label} is on exactly {', '.join(map(str, heads))}, so nothing would vary; its "
            f"interventions are on: {there}."
        )
    return heads


def _architecture(effect: "Quantity") -> Architecture:
    if len(effect.models) > 1:
        raise NotComparable(f"{effect.label} is of {len(effect.models)} models: heads can be drawn in one only.")
    return current_session().engine.card(effect.models[0]).architecture


def _in_groups(sets: Iterator[tuple[Head, ...]]) -> Iterator[list[tuple[Head, ...]]]:
    group: list[tuple[Head, ...]] = []
    for heads in sets:
        group.append(heads)
        if len(group) == _AT_ONCE:
            yield group
            group = []
    if group:
        yield group
