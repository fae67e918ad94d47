"""Expressions: arithmetic over cells, which gives one number for each prompt, and one for all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.errors import NotComparable, after_reload
from circuitcheck.given import checked_number, number_of
from circuitcheck.places import Part
from circuitcheck.plan import Cell, ModelRef, bounds_of
from circuitcheck.prompts import PromptStream, TaskDefinition
from circuitcheck.prompts.cases import Case, PickedCases
from circuitcheck.quantities.expressions.linear import Linear
from circuitcheck.sampling import Bounds, Form, Kind
from circuitcheck.session import current_session
from circuitcheck.text import shown


@dataclass(frozen=True, eq=False, repr=False)
class Expression:
    """A mean over prompts, a ratio of means, a proportion or a quantile, not yet measured; what is said of it is a
    question, and above this file. `a + b`, `a - b`, `k * a`, `-a` and `a + k` work prompt by prompt; `a / b` is a ratio of
    means, never a mean of ratios."""

    prompts: PromptStream
    numerator: Linear
    denominator: Linear | None
    label: str
    cut: float | None = None  # the share of prompts above it
    q: float | None = None
    times: Linear | None = None  # of a lift: the denominator is the product of two means

    __array_ufunc__ = None  # numpy numbers leave arithmetic and comparisons to us

    @property
    def digest(self) -> str:
        """A stable key, for dictionaries and caches: quantities themselves are unhashable, since `==` builds a claim."""
        below = self.denominator.digest if self.denominator else None
        parts = (self.prompts.key, self.numerator.digest, below, self.cut, self.q)
        return digest(parts if self.times is None else (*parts, self.times.digest))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell once."""
        cells = tuple(cell for each in (self.numerator, self.denominator, self.times) if each for cell in each.cells)
        return tuple({cell.digest: cell for cell in cells}.values())

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return tuple(dict.fromkeys(cell.view.model for cell in self.cells))

    def picked(self, cases: Sequence[Case]) -> Self:
        """The same, measured on these cases instead of a stream. Raises NotComparable for cases of another task."""
        task = self.prompts.task
        if not isinstance(task, TaskDefinition) or any(not isinstance(case, Case) or case.task != task for case in cases):
            raise NotComparable(f"{self.label} is of task {task.name!r}, and is asked of what is no case of it.")
        source = PickedCases(task, tuple((case.template, case.values) for case in cases))
        return replace(self, prompts=PromptStream(source, "test", self.prompts.seed))

    def draw(self, rows: range) -> NDArray[np.float64]:
        """Values [cell, prompt] of `cells`."""
        return current_session().measure(self.prompts, self.cells, rows).values

    @property
    def form(self) -> Form:
        """Its arithmetic over the rows of `cells`."""
        return self.form_over(self.cells)

    def form_over(self, cells: Sequence[Cell]) -> Form:
        """Its arithmetic over the rows of these cells, its own among them."""
        numbers = {cell.digest: number for number, cell in enumerate(cells)}
        kinds = tuple(Kind(bounds_of(cell.metric.support), cell.metric.support == "binary") for cell in cells)
        below = self.denominator.over(numbers) if self.denominator else None
        times = self.times.over(numbers) if self.times else None
        return Form(kinds, self.numerator.over(numbers), below, times, self.cut, self.q)

    @property
    def bounds(self) -> Bounds | None:
        """Of the value of one prompt, where the metrics' supports have them."""
        return self.form.bounds

    def per_prompt(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """[prompt]: each prompt's own number; for a ratio, the numerator."""
        return self.form.per_prompt(columns)

    def parts(self, columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[prompt] numerators and denominators; a mean has denominators of 1."""
        return self.form.parts(columns)

    def above(self, x: float) -> Self:
        """The share of prompts whose number is above `x`. Raises NotComparable on ratios."""
        self._only_means("above")
        cut = checked_number("above(): x", x, NotComparable, "a finite number")
        return replace(self, cut=cut, label=f"share of prompts with {self.label} above {cut:g}")

    def median(self) -> Self:
        """Raises NotComparable on ratios."""
        return self.quantile(0.5)

    def quantile(self, q: float) -> Self:
        """Raises NotComparable on ratios, ValueError unless 0 < q < 1."""
        self._only_means("quantile")
        if not 0 < checked_number("quantile(): q", q, ValueError) < 1:
            raise ValueError(f"quantile({q}) does not exist; expected a number strictly between 0 and 1.")
        return replace(self, q=q, label=f"{'median' if q == 0.5 else f'{q:g} quantile'} of {self.label}")

    def swap_parts(self, old: tuple[Part, ...], new: tuple[Part, ...]) -> Self:
        """The same number of views in which the parts `new` stand where `old` stood."""
        below = self.denominator.swap_parts(old, new) if self.denominator else None
        label = f"{self.label} with {', '.join(map(str, new))} for {', '.join(map(str, old))}"
        times = self.times.swap_parts(old, new) if self.times else None
        return replace(self, numerator=self.numerator.swap_parts(old, new), denominator=below, label=label, times=times)

    def __neg__(self) -> Self:
        return self._scaled(-1.0, f"-{self._bracketed()}")

    def __mul__(self, k: object) -> Self:
        number = number_of(k)
        if number is None:
            raise NotComparable(
                f"cannot multiply {self.label} by {shown(getattr(k, 'label', k))}: a quantity takes a number as its factor."
            )
        return self._scaled(number, f"{number:g} * {self._bracketed()}")

    __rmul__ = __mul__

    def __add__(self, other: object) -> Self:
        return self._combine(other, 1.0, "+")

    def __radd__(self, other: object) -> Self:
        return self._combine(other, 1.0, "+", swap=True)

    def __sub__(self, other: object) -> Self:
        return self._combine(other, -1.0, "-")

    def __rsub__(self, other: object) -> Self:
        return (-self)._combine(other, 1.0, "+", label=f"{text_of(other)} - {self._bracketed()}")

    def __truediv__(self, other: object) -> Self:
        number = number_of(other)
        if number is not None:
            if not math.isfinite(number):
                raise NotComparable(f"cannot divide {self.label} by {number:g}: expected a finite number or a quantity.")
            if number == 0:
                raise ZeroDivisionError(f"{self.label} divided by zero")
            return self._scaled(1 / number, f"{self._bracketed()} / {number:g}")
        if not isinstance(other, Expression):
            raise NotComparable(f"cannot divide {self.label} by {shown(other)}: expected a finite number or a quantity.")
        if self.denominator is not None or other.denominator is not None:
            raise NotComparable(
                f"({self.label}) / ({other.label}): a ratio divided by something, or something by a ratio, is not "
                f"supported, since only the ratio of two means has an interval here. Claim something of each ratio by "
                f"itself."
            )
        self._same_prompts(other)
        self._only_linear("a ratio")
        if other.denominator is not None or other.q is not None or other.cut is not None:
            raise NotComparable(f"{other.label} is no plain mean, so nothing can be divided by it.")
        return replace(self, denominator=other.numerator, label=f"{self._bracketed()} / {other._bracketed()}")

    def __rtruediv__(self, other: object) -> NoReturn:
        raise NotComparable(
            f"{shown(other)} / {self.label}: a number divided by a quantity is not supported, since only the ratio of two "
            f"means has an interval here. Divide a quantity by a quantity, or turn the claim round: 2 / q > 0.5 is q < 4 "
            f"where q is above 0."
        )

    def _combine(self, other: object, sign: float, symbol: str, *, swap: bool = False, label: str | None = None) -> Self:
        if isinstance(other, Expression) and len({*self.models, *other.models}) > 1:  # else both read the same
            named = self._of_its_model(), other._of_its_model()
            if named[0] is not self or named[1] is not other:
                return named[0]._combine(named[1], sign, symbol, swap=swap, label=label)
        right = other._bracketed() if isinstance(other, Expression) else text_of(other)
        label = label or (f"{right} {symbol} {self._bracketed()}" if swap else f"{self.label} {symbol} {right}")
        number = number_of(other)
        self._only_linear(symbol)
        if self.times is not None or (isinstance(other, Expression) and other.times is not None):
            raise NotComparable(f"cannot compute {label}: a lift is compared as it is.")
        if number is not None:
            shift = self.denominator.scale(sign * number) if self.denominator else Linear((), sign * number)
            return replace(self, numerator=self.numerator.plus(shift), label=label)
        if not isinstance(other, Expression):
            raise NotComparable(f"cannot compute {label}; expected a number or a quantity.{after_reload(other)}")
        self._same_prompts(other)
        other._only_linear(symbol)
        mine, theirs = (x.denominator.digest if x.denominator else None for x in (self, other))
        if mine != theirs:
            raise NotComparable(f"{label}: ratios can be added only over one shared denominator.")
        return replace(self, numerator=self.numerator.plus(other.numerator.scale(sign)), label=label)

    def _of_its_model(self) -> Self:
        named = len(self.models) != 1 or f"[{self.models[0]}]" in self.label
        return self if named else replace(self, label=f"{self._bracketed()} [{self.models[0]}]")

    def _scaled(self, k: float, label: str) -> Self:
        self._only_linear("*")
        return replace(self, numerator=self.numerator.scale(k), label=label)

    def _same_prompts(self, other: "Expression") -> None:
        if self.prompts != other.prompts:
            raise NotComparable(
                f"{self.label} ({self.prompts}) and {other.label} ({other.prompts}) are measured on other prompts: "
                f"their values cannot be paired."
            )

    def check_per_prompt(self, what: str) -> None:
        """Raises NotComparable unless each prompt has a number of its own."""
        if self.denominator is not None or self.cut is not None or self.q is not None:
            raise NotComparable(f"{what}: {self.label} has no number of its own on each prompt; use a plain mean.")

    def _only_means(self, what: str) -> None:
        if self.denominator is not None:
            raise NotComparable(f"{what} of {self.label}: a ratio of means has no value per prompt to take it of.")
        self._only_linear(what)

    def _only_linear(self, what: str) -> None:
        if self.cut is not None or self.q is not None:
            raise NotComparable(f"{self.label} is no mean of per-prompt numbers any more, so {what} has no meaning on it.")

    def _bracketed(self) -> str:
        return f"({self.label})" if any(sign in self.label for sign in (" + ", " - ", " / ", " * ")) else self.label


def text_of(value: object) -> str:
    number = number_of(value)
    return repr(value) if number is None else f"{number:g}"
