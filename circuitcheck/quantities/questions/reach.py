"""What a reader must know of a small sample: how a file was divided, and whether what it may have missed is within reach."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from circuitcheck.plan import Cell
from circuitcheck.prompts import PromptSource
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.sampling import Decision

_FEW = 32


def few_prompts(task: PromptSource, n: int) -> tuple[str, ...]:
    """Of a file: what became of its rows, where only a few were left to judge by."""
    said = task.facts.division if n < _FEW else ""
    return (said,) if said else ()


def with_reach(decision: Decision, quantity: Expression, columns: NDArray[np.float64]) -> Decision:
    """The decision with its `reach`: the smallest and largest numbers that these prompts give where one of the runs stands
    in for another, as the clean run for the view. Prompts that would overturn a verdict need not be outlandish."""
    if decision.unseen is None:
        return decision
    return replace(decision, unseen=replace(decision.unseen, reach=_range(quantity, columns, decision.estimate)))


def _range(quantity: Expression, columns: NDArray[np.float64], value: float) -> tuple[float, float]:
    """The ends of what one prompt's number can be with one run in place of another, on the scale of the estimate."""
    low, high = np.inf, -np.inf
    for numbers in _stand_ins(quantity, columns):
        scaled = numbers
        if quantity.denominator is not None:
            below = quantity.parts(columns)[1]
            scaled = value + (numbers - value * below) / below.mean()
        low, high = min(low, float(scaled.min())), max(high, float(scaled.max()))
    return low, high


def _stand_ins(quantity: Expression, columns: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    cells, numerator = quantity.cells, quantity.form.numerator
    for _, cell in numerator.terms:
        for other in range(len(cells)):
            if _alike(cells[cell], cells[other]):
                exchanged = columns.copy()
                exchanged[cell] = columns[other]
                yield numerator.of(exchanged)


def _alike(one: Cell, other: Cell) -> bool:
    return one.metric.digest == other.metric.digest and one.view.model == other.view.model
