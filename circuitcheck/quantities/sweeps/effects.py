"""What a cell of a sweep is compared with: the same number without its interventions, or a number that was given."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitcheck.errors import BadSweep, NotComparable
from circuitcheck.given import number_of
from circuitcheck.plan import Cell, View
from circuitcheck.quantities.expressions.linear import Linear
from circuitcheck.quantities.quantity import Quantity
from circuitcheck.text import shown


@dataclass(frozen=True)
class Effect:
    """Is `tested` above or below `at`? `without`, of the same prompts, is what the cell's number is where nothing is done;
    None where that is `at` itself."""

    tested: Quantity
    at: float
    without: Quantity | None

    def nothing(self, columns: NDArray[np.float64], rows: dict[str, int]) -> float:
        """What the cell's number is where nothing is done. `columns` [cell, prompt], `rows` by the digests of cells."""
        if self.without is None:
            return self.at
        mine = columns[[rows[cell.digest] for cell in self.without.cells]] if self.without.cells else columns[:1]
        above, below = self.without.form.parts(mine)
        return float(above.mean() / below.mean()) if below.mean() else float("nan")


def effect_of(quantity: Quantity, null: object) -> Effect:
    """`null` is "untouched", a number, or a quantity. Raises BadSweep where the untouched number cannot be told, or for what
    is none."""
    if isinstance(null, Quantity):
        return Effect(_less(quantity, null), 0.0, null)
    number = number_of(null)
    if number is not None and np.isfinite(number):
        return Effect(quantity, number, None)
    if null != "untouched":
        raise BadSweep(
            f"null={shown(null)}; expected 'untouched' (the same number without interventions), a number, or a quantity."
        )
    if not any(cell.view.interventions for cell in quantity.cells):
        return Effect(quantity, 0.0, None)
    without = _untouched(quantity)
    return Effect(_less(quantity, without), 0.0, without)


def _less(quantity: Quantity, other: Quantity) -> Quantity:
    try:
        return quantity - other
    except NotComparable as error:
        raise BadSweep(
            f"{quantity.label} has no difference prompt by prompt from what it is compared with ({error}) Say what a cell "
            f"is that does nothing as a number: sweep(..., null=1.0)."
        ) from error


def _untouched(quantity: Quantity) -> Quantity:
    """The same arithmetic over runs of the same prompts without interventions."""
    below = None if quantity.denominator is None else _bare(quantity.denominator)
    return replace(
        quantity, numerator=_bare(quantity.numerator), denominator=below, label=f"{quantity.label} without interventions"
    )


def _bare(linear: Linear) -> Linear:
    """Terms in the same cell are added up."""
    found = Linear((), linear.constant)
    for k, cell in linear.terms:
        found = found.plus(Linear(((k, Cell(View(cell.view.model, cell.view.base), cell.metric)),)))
    return found
