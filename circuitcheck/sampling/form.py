"""Arithmetic over rows of numbers: how the number of each prompt, and of all of them, is made of what was measured. Cells
are numbered; who names them is above this file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling.estimands import Bounds, Values
from circuitcheck.sampling.noise import NO_NOISE, Noise

Columns = NDArray[np.float64]  # [cell, prompt]
Units = Callable[[Values], Values]  # values [prompt] as one for each sampling unit


@dataclass(frozen=True)
class Kind:
    """What is known of a cell's numbers before they are measured: their `bounds`, and whether each is 0 or 1."""

    bounds: Bounds | None = None
    binary: bool = False


@dataclass(frozen=True)
class Combination:
    """`constant` plus the sum of factor times cell; `terms` are (factor, number of the cell)."""

    terms: tuple[tuple[float, int], ...]
    constant: float = 0.0

    def of(self, columns: Columns) -> Values:
        """[prompt]"""
        total = np.full(columns.shape[1], self.constant)
        for k, cell in self.terms:
            total = total + k * columns[cell]
        return total

    def bounds(self, kinds: Sequence[Kind]) -> Bounds | None:
        """The range of values that the cells allow, or None where one of them is unbounded."""
        low = high = self.constant
        for k, cell in self.terms:
            found = kinds[cell].bounds
            if found is None:
                return None
            ends = (k * found[0], k * found[1])
            low, high = low + min(ends), high + max(ends)
        return (low, high) if low < high else None

    def binary(self, kinds: Sequence[Kind]) -> bool:
        """Is it 0 or 1 on every prompt: one 0/1 metric, or one minus it?"""
        if len(self.terms) != 1 or not kinds[self.terms[0][1]].binary:
            return False
        return (self.terms[0][0], self.constant) in ((1.0, 0.0), (-1.0, 1.0))

    def paired(self, kinds: Sequence[Kind]) -> tuple[float, float] | None:
        """(scale, offset) where it is offset + scale times a difference of two 0/1 metrics, else None."""
        terms = [(k, cell) for k, cell in self.terms if k]
        if [kinds[cell].binary for _, cell in terms] != [True, True]:
            return None
        (one, _), (other, _) = terms
        return (one, self.constant) if one == -other else None

    def noise(self, floors: Sequence[Noise]) -> Noise:
        """At worst the floors of the cells add up."""
        total = NO_NOISE
        for k, cell in self.terms:
            total = total.plus(floors[cell].scaled(k))
        return total


@dataclass(frozen=True)
class Form:
    """A mean over prompts of `numerator`; over a `denominator`, a ratio of means, and over the product of two means with
    `times`; with `cut`, the share of prompts above it; with `q`, that quantile. `kinds` are those of the cells."""

    kinds: tuple[Kind, ...]
    numerator: Combination
    denominator: Combination | None = None
    times: Combination | None = None
    cut: float | None = None
    q: float | None = None

    @property
    def bounds(self) -> Bounds | None:
        """Of the value of one prompt; of a ratio, of its numerator."""
        return (0.0, 1.0) if self.cut is not None else self.numerator.bounds(self.kinds)

    @property
    def is_share(self) -> bool:
        return self.cut is not None or self.numerator.binary(self.kinds)

    def per_prompt(self, columns: Columns) -> Values:
        """[prompt]: each prompt's own number; for a ratio, the numerator."""
        values = self.numerator.of(columns)
        return values if self.cut is None else (values > self.cut).astype(float)

    def toward(self, value: float, columns: Columns) -> Values:
        """[prompt]: each prompt's number; of a ratio, linearised at `value`."""
        if self.denominator is None:
            return self.per_prompt(columns)
        numerator, denominator = self.parts(columns)
        scale = np.nanmean(denominator)
        return value + (numerator - value * denominator) / (scale if scale else 1.0)

    def parts(self, columns: Columns, units: Units = lambda values: values) -> tuple[Values, Values]:
        """Numerators and denominators [prompt], or of sampling units, of whose prompts `units` takes the means; a mean has
        denominators of 1. The product of two means has the mean of a B + b A - A B, which is what one unit adds to it
        (delta method)."""
        above = units(self.numerator.of(columns))
        below = units(self.denominator.of(columns)) if self.denominator else np.ones(len(above))
        if self.times is not None:
            other = units(self.times.of(columns))
            below = below * other.mean() + other * below.mean() - below.mean() * other.mean()
        return above, below
