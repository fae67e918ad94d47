"""From the measured values of a quantity to what they say of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from circuitcheck.plan import Cell
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.expressions.linear import floor_key
from circuitcheck.quantities.questions.conditions import Conditions
from circuitcheck.sampling import NO_NOISE, Basis, Estimand


def estimand_of(quantity: Expression, columns: NDArray[np.float64], conditions: Conditions) -> Estimand:
    """What `columns` [cell, prompt] say of `quantity`. Raises NotComparable for a quantile of clustered prompts."""
    return basis_of(quantity, conditions).estimand(columns)


def basis_of(quantity: Expression, conditions: Conditions, cells: Sequence[Cell] | None = None) -> Basis:
    """By which arithmetic over the rows of its `cells` and under which conditions its values are judged: plain data, fit to
    be stored."""
    cells = quantity.cells if cells is None else cells
    floors = tuple(conditions.floors.get(floor_key(cell), NO_NOISE) for cell in cells)
    return Basis(quantity.form_over(cells), floors, conditions.grouping, quantity.label)
