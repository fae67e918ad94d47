"""A result as claims, texts and notebooks have it."""

import math
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import THIS_PROCESS
from circuitcheck.errors import NotComparable
from circuitcheck.fields import builtins_of, lines_of
from circuitcheck.grounds.rests import Rests
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.questions.answers import answers_in_part
from circuitcheck.quantities.questions.chosen import chosen_by_itself, mirrored_prompts
from circuitcheck.quantities.questions.fit import poor_fits
from circuitcheck.quantities.questions.history import shape_of
from circuitcheck.quantities.questions.html import coloured, escape_code, table
from circuitcheck.quantities.questions.outcome import ContraryPrompt, ControlResult, Outcome
from circuitcheck.quantities.questions.pools import words_left_out
from circuitcheck.quantities.questions.reach import few_prompts
from circuitcheck.quantities.questions.result_fields import FIELDS, PROOF
from circuitcheck.quantities.questions.result_words import percent
from circuitcheck.sampling import Decision, Region
from circuitcheck.session import Measured, current_session

_SHOWN = 3


@dataclass(frozen=True)
class ComparisonResult(Outcome):
    """A decision, with what was compared and on which prompts, and how it is said."""

    parts: tuple["ComparisonResult", ...] = ()

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
        title = f"{self.expression} is {self.decision.verdict}"
        if self.parts:
            return "\n".join([title, *(_indented(part.describe()) for part in self.parts)])
        said = [f"{label}: {words}" for label, words in self._lines]
        return "\n".join([title, *map(_indented, said)])

    @property
    def _lines(self) -> list[tuple[str, str]]:
        shown = (*FIELDS, PROOF)
        return lines_of(shown, builtins_of(shown, self))

    def _repr_html_(self) -> str:
        """A small table of the same; of a question made of others, a list of theirs."""
        title, verdict = escape_code(self.expression), coloured(self.decision.verdict)
        if self.parts:
            return f"{title}: {verdict}<ul>{''.join(f'<li>{part._repr_html_()}</li>' for part in self.parts)}</ul>"
        rows = [(label, escape(words)) for label, words in self._lines]
        return table(title, [("verdict", verdict), *rows])


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
    rests: Rests | None = None,
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
        flags=(*where.flags, *_of_prompts(quantity, decision.n), *poor_fits(quantity), *flags),
        control=control,
        question=question,
        shape=shape_of(expression),
        rests=rests,
    )


def _of_prompts(quantity: Expression, n: int) -> tuple[str, ...]:
    """What must be known of the first `n` prompts that it rests on."""
    few, long = few_prompts(quantity.prompts.task, n), answers_in_part(quantity, n)
    return (*few, *words_left_out(quantity), *long, *chosen_by_itself(quantity), *mirrored_prompts(quantity, n))


def _local_metrics(quantity: Expression) -> tuple[str, ...]:
    """Names of metrics that are functions of this process."""
    names = (cell.metric.name for cell in quantity.cells if cell.metric.digest.startswith(THIS_PROCESS))
    return tuple(dict.fromkeys(names))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def contrary_prompts(
    quantity: Expression, region: Region, values: NDArray[np.float64], estimate: float = math.nan, first: int = 0
) -> tuple[ContraryPrompt, ...]:
    """The prompts whose own numbers lie deepest in the region that the claim denies, if any do; undefined numbers first.
    `values` are those of prompts from `first` on. A ratio is linearised at its `estimate`: at a threshold far from it the
    prompts with the largest denominators would lie farthest, whatever their numerators."""
    numbers = quantity.form.toward(estimate if math.isfinite(estimate) else region.threshold, values)
    return against_most(quantity, region, numbers, first)


def against_most(
    quantity: Expression, region: Region, numbers: NDArray[np.float64], first: int = 0
) -> tuple[ContraryPrompt, ...]:
    """The same of `numbers` [prompt] that are made already."""
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
