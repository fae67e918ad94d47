"""What came of a comparison."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Receipt, on_most_prompts
from circuitcheck.errors import NotComparable
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.history import Looks, Tries, shape_of
from circuitcheck.quantities.questions.reach import few_prompts
from circuitcheck.sampling import Decision, Region, Tally
from circuitcheck.session import Measured, current_session
from circuitcheck.stats.planning import CAP
from circuitcheck.text import printable

_SHOWN = 3


@dataclass(frozen=True)
class ContraryPrompt:
    """A prompt on the side that the claim denies. `value` is on the threshold's scale; a ratio has no value on one
    prompt, so there it is `linearised`: the threshold plus (numerator - threshold x denominator) / mean denominator.
    `index` is None for a prompt that is not taken from a stream."""

    index: int | None
    template: str
    text: str
    value: float
    linearised: bool = False

    def describe(self) -> str:
        where = "shrunk" if self.index is None else f"#{self.index}"
        return f"{self.value:8.3f}  {where} [{self.template}] {printable(self.text)}"


@dataclass(frozen=True)
class ControlResult:
    """What an effect of size `own` was compared with: sets of `matched` that are `like` the claimed one, on the same
    prompts, drawn with `seed` unless all were compared. `strongest` is the set with the largest effect."""

    like: str
    matched: int
    tally: Tally
    seed: int
    own: float
    strongest: str
    strongest_effect: float

    def describe(self) -> str:
        tally = self.tally
        if not tally.draws:
            return f"none of the {self.matched} head sets like {self.like} was compared"
        which = f"all {self.matched}" if tally.complete else f"{tally.draws} of {self.matched} (drawn with seed {self.seed})"
        return (
            f"{which} head sets like {self.like}: {tally.lesser} have less effect, {tally.beaten} of them beyond chance, "
            f"{tally.ahead} more beyond chance, {tally.ties} tie; its own is {self.own:.4g}, the strongest other's "
            f"{self.strongest_effect:.4g} ({self.strongest})"
        )


@dataclass(frozen=True)
class ComparisonResult:
    """A decision, with what was compared and on which prompts. `threshold` is None for questions made of `parts`.
    `measured` is what it rests on, prompt by prompt; `flags` are warnings about how it was asked. `question` is a key of
    what was asked, without seed and threshold, `shape` says it without its units; `tries` and `looks` are what the result
    may have been picked from."""

    expression: str
    relation: str
    threshold: float | None
    margin: float | None
    decision: Decision
    task: str
    stream: str
    seed: int
    templates: int
    groups: str
    scope: str
    measured: Measured = field(compare=False, repr=False)
    contrary: tuple[ContraryPrompt, ...]
    local_metrics: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    control: ControlResult | None = None
    parts: tuple["ComparisonResult", ...] = ()
    question: str = ""
    shape: str = ""
    tries: Tries | None = None
    looks: Looks | None = None

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Proof that interventions acted, each once, on the most prompts."""
        return on_most_prompts((*self.measured.receipts, *(each for part in self.parts for each in part.receipts)))

    @property
    def warnings(self) -> tuple[str, ...]:
        local = tuple(
            f"the metric {name!r} is a function of this process: its values are neither stored nor sent elsewhere, and "
            f"nothing is known of how far they reach (cc.metric(..., support=(low, high)) says it)"
            for name in self.local_metrics
        )
        idle = tuple(
            f"{receipt.intervention} changed nothing in any prompt at {', '.join(receipt.idle)}: is that meant to be there?"
            for receipt in self.receipts
            if receipt.idle and not receipt.allow_vacuous
        )
        picked = (each.describe() for each in (self.tries, self.looks) if each is not None)
        parts = (warning for part in self.parts for warning in part.warnings)
        unseen = self.decision.unseen
        fragile = (unseen.describe(),) if unseen is not None and unseen.fragile else ()
        return tuple(dict.fromkeys((*self.flags, *picked, *self.decision.warnings, *fragile, *local, *idle, *parts)))

    def __bool__(self) -> bool:
        raise NotComparable(
            f"the result of {self.expression} is no truth value, and would always count as one: assert the comparison "
            f"itself, or look at result.decision.verdict."
        )

    def summary(self) -> str:
        """One line: verdict, estimate, interval, prompts."""
        decision = self.decision
        if math.isnan(decision.estimate):
            return f"{decision.verdict}: {decision.reason or ', '.join(part.summary() for part in self.parts)}"
        return (
            f"{decision.verdict}: {decision.estimate:.4g}, {percent(decision.confidence)} interval "
            f"[{decision.low:.4g}, {decision.high:.4g}], {decision.n} prompts"
        )

    def describe(self) -> str:
        """The whole result, for a failure's text."""
        decision = self.decision
        if self.parts:
            return "\n".join([f"{self.expression} is {decision.verdict}", *(_indented(part) for part in self.parts)])
        lines = [
            f"{self.expression} is {decision.verdict}",
            f"  estimate {decision.estimate:.4g}, {percent(decision.confidence)} interval "
            f"[{decision.low:.4g}, {decision.high:.4g}]",
            f"  {decision.n} prompts from {self.templates} {self.groups} of {self.task} ({self.stream} stream, "
            f"seed {self.seed}; scope: {self.scope.replace('_', ' ')})",
        ]
        if decision.words:
            lines.append(f"  method: {decision.words}{_looks(decision)}")
        if decision.reason:
            lines.append(f"  reason: {decision.reason}")
        lines += [f"  to decide with probability {power:g}: {more_prompts(count)}" for power, count in decision.n_more]
        if decision.unseen is not None and not decision.unseen.fragile:
            lines.append(f"  not seen: {decision.unseen.describe()}")
        lines += [f"  warning: {warning}" for warning in self.warnings]
        lines += [f"  note: {note}" for note in decision.notes]
        lines += [] if self.control is None else [f"  controls: {self.control.describe()}"]
        if self.contrary:
            lines.append(f"  {_heading(self.contrary)}:")
            lines += [f"    {each.describe()}" for each in self.contrary]
        lines += [
            f"  proof: {receipt.intervention} changed {receipt.changed} of {receipt.prompts} prompts "
            f"(mean relative change {receipt.mean_relative_change:.3g})"
            for receipt in self.receipts
        ]
        return "\n".join(lines)


def result_of(
    quantity: Expression,
    measured: Measured,
    decision: Decision,
    *,
    expression: str,
    relation: str,
    threshold: float | None,
    scope: str,
    question: str,
    margin: float | None = None,
    contrary: tuple[ContraryPrompt, ...] = (),
    flags: tuple[str, ...] = (),
    control: ControlResult | None = None,
) -> ComparisonResult:
    """The result of every kind of question about one quantity."""
    where, session = quantity.prompts, current_session()
    return ComparisonResult(
        expression=expression,
        relation=relation,
        threshold=threshold,
        margin=margin,
        decision=decision,
        task=where.task.name,
        stream=where.stream,
        seed=where.seed,
        templates=session.count_groups(where, quantity.models[0], decision.n),
        groups=where.task.facts.groups,
        scope=scope,
        measured=measured,
        contrary=contrary,
        local_metrics=_local_metrics(quantity),
        flags=(*where.flags, *few_prompts(where.task, decision.n), *flags),
        control=control,
        question=question,
        shape=shape_of(expression),
    )


def _indented(part: ComparisonResult) -> str:
    return "\n".join(f"  {line}" for line in part.describe().splitlines())


def _looks(decision: Decision) -> str:
    """At which numbers of prompts it was looked."""
    if decision.planned < 2:
        return ""
    counts = [str(n) for n, _, _ in decision.looks]
    listed = counts[0] if len(counts) == 1 else f"{', '.join(counts[:-1])} and {counts[-1]}"
    return f"; looked at after {listed} prompts, at levels that allow for {decision.planned} looks"


def percent(share: float) -> str:
    """95%, and 99.58% for a claim of a family of twelve: rounding it to 100% would promise what nothing can."""
    return f"{100 * share:.4g}%"


def more_prompts(count: int | None) -> str:
    if count is None:
        return f"more than {CAP} times these prompts, too many to plan for from this sample"
    return f"about {count} prompts more"


def _local_metrics(quantity: Expression) -> tuple[str, ...]:
    """Names of metrics that are functions of this process."""
    names = (cell.metric.name for cell in quantity.cells if cell.metric.digest.startswith("local:"))
    return tuple(dict.fromkeys(names))


def _heading(prompts: tuple[ContraryPrompt, ...]) -> str:
    many = f"{len(prompts)} prompts" if len(prompts) > 1 else "prompt"
    if not all(math.isfinite(each.value) for each in prompts):
        return "prompts without a finite number, or on the other side"
    scale = " (linearised; a ratio has no value on one prompt)" if prompts[0].linearised else ""
    return f"the {many} farthest on the other side{scale}"


def contrary_prompts(
    quantity: Expression, region: Region, values: NDArray[np.float64], first: int = 0
) -> tuple[ContraryPrompt, ...]:
    """The prompts whose own numbers lie deepest in the region that the claim denies, if any do; undefined numbers first.
    `values` are those of prompts from `first` on."""
    numbers = quantity.toward(region.threshold, values)
    against = np.array([region.contradiction(number) for number in numbers])
    against[np.isnan(against)] = np.inf
    where = quantity.prompts
    worst = [index for index in np.argsort(-against, kind="stable")[:_SHOWN] if against[index] > 0]
    found = []
    for index in map(int, worst):
        (prompt,) = current_session().prompts(where, quantity.models[0], range(first + index, first + index + 1))
        linearised = quantity.denominator is not None
        found.append(ContraryPrompt(first + index, prompt.template, prompt.text, float(numbers[index]), linearised))
    return tuple(found)
