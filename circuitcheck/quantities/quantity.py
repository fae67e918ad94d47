"""Quantities as a user holds them: numbers to look at, and to compare."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadTask, NotComparable, after_reload
from circuitcheck.given import checked_number, checked_whole, number_of, refuse_set
from circuitcheck.notices import say_once
from circuitcheck.prompts.cases import Case
from circuitcheck.quantities.expressions.expression import Expression, text_of
from circuitcheck.quantities.looking import check_something_to_look_at
from circuitcheck.quantities.questions.comparison import Approx, Comparison
from circuitcheck.quantities.questions.conditions import conditions_of
from circuitcheck.quantities.questions.controls import Beats
from circuitcheck.quantities.questions.drawn import Control
from circuitcheck.quantities.questions.estimand import estimand_of
from circuitcheck.quantities.questions.estimate import Estimate
from circuitcheck.quantities.questions.history import note_looked
from circuitcheck.quantities.questions.html import escape_code
from circuitcheck.quantities.questions.question import current_recorder
from circuitcheck.quantities.questions.since import Change, StoredNumber
from circuitcheck.sampling import Above, Below, Outside, Within, estimate
from circuitcheck.session import current_session
from circuitcheck.text import no_attribute, printable, shown

Found = TypeVar("Found")
_LOOK = "Nothing is measured yet: .estimate(n) gives the number from n prompts with its interval, .values(n) theirs."
_ELSEWHERE = dict.fromkeys(("mean", "item", "value", "numpy", "result", "shape"), _LOOK)


@dataclass(frozen=True, eq=False, repr=False)
class Quantity(Expression):
    """A mean over prompts, a ratio of means, a proportion or a quantile.

    `a + b`, `a - b`, `k * a`, `-a` and `a + k` work prompt by prompt; `a / b` is a ratio of means, never a mean of ratios;
    `a.above(x)` is the share of prompts above x; `a.median()` and `a.quantile(q)` are what they say. Comparing with a
    number, another quantity or `cc.approx` gives a `Comparison`, which is asked when it is used as a truth value.
    """

    __hash__ = None  # type: ignore[assignment]

    @known_arguments
    def values(self, n: int) -> NDArray[np.void] | NDArray[np.float64]:
        """The first `n` prompts' numbers, [prompt] in row order; for a ratio, records of (numerator, denominator).
        They are of the discovery stream, unless `task.on_stream(...)` says otherwise: no claim is judged on them.

        Raises BadTask for more prompts than there are, VacuousIntervention, BadMetric.
        """
        n = checked_whole("values(): n", n, BadTask)
        return self._look(lambda there: there._values(n))

    def _values(self, n: int) -> NDArray[np.void] | NDArray[np.float64]:
        columns = self.draw(range(n))
        if self.denominator is None:
            return self.per_prompt(columns)
        pairs = np.empty(n, dtype=[("numerator", "f8"), ("denominator", "f8")])
        pairs["numerator"], pairs["denominator"] = self.parts(columns)
        return pairs

    @known_arguments
    def estimate(self, n: int, *, confidence: float = 0.95) -> Estimate:
        """The number from the first `n` prompts, as one fixed sample. A look, not a claim: no verdict is given, and
        the prompts are of the discovery stream, unless `task.on_stream(...)` says otherwise.

        Raises ValueError for a confidence outside (0.5, 1); BadTask, VacuousIntervention.
        """
        n = checked_whole("estimate(): n", n, BadTask)
        level = checked_number("confidence", confidence, ValueError, "a number such as 0.95")
        return self._look(lambda there: there._estimate(n, level))

    def _estimate(self, n: int, confidence: float) -> Estimate:
        session, where = current_session(), self.prompts
        conditions = conditions_of(self, session.settings)
        population = session.population(where, self.models)
        census = population if not conditions.grouping.clusters and where.is_population and where.stream == "test" else None
        build = partial(estimand_of, self, conditions=conditions)
        return Estimate.of(self.label, where.stream, estimate(self.draw, build, n, confidence, census))

    def _look(self, measure: Callable[["Quantity"], Found]) -> Found:
        """What `measure` finds on the prompts that a look may use. A look that found something is noted in the ledger."""
        there = self._looked_at()
        found = measure(there)
        note_looked(current_session(), there)
        return found

    def _looked_at(self) -> "Quantity":
        """On the prompts that a look may use: inside a claim, too, others than it is judged on."""
        where = self.prompts.to_look_at()
        if where.stream != self.prompts.stream:
            if current_recorder() is None:
                say_once(
                    f"{where.task.name}: outside of a claim, numbers are looked at on the {where.stream} stream, so that "
                    "claims can be judged on prompts that nobody has seen. task.on_stream(...) says otherwise."
                )
            check_something_to_look_at(where, self.models[0])
        return replace(self, prompts=where)

    @known_arguments
    def on_cases(self, cases: Iterable[Case]) -> NDArray[np.float64]:
        """[case]: the number on each of these cases of the task (`task.strategy()` draws them, `task.case(...)` makes one).

        Raises NotComparable for ratios and for cases of another task, BadTask for values that no prompt has.
        """
        self._only_means("on_cases()")
        refuse_set("on_cases(cases): cases", cases, BadTask)
        listed = list(cases)
        if not listed:
            return np.empty(0)
        picked = self.picked(listed)
        tokenizer = current_session().engine.tokenizer(self.models[0])
        for case in listed:
            case.check(tokenizer)
        return picked.per_prompt(picked.draw(range(len(listed))))

    @known_arguments
    def beats(self, control: Control, *, share: float, prompts: int | None = None) -> Beats:
        """Is this effect larger than that of at least `share` of the sets of heads, sites or features that `control` draws,
        on the same prompts?

        Prompts are drawn look by look until it is told, up to `prompts` of them (the budget of any claim, where it is not
        given). A set that ties is not beaten. Raises NotComparable where no intervention of this quantity is on what the
        control is like, and on quantiles and shares; ValueError unless 0 < share < 1.
        """
        self._only_linear("beats")
        share = checked_number("share", share, ValueError, "a number between 0 and 1, such as 0.95")
        most = None if prompts is None else checked_whole("prompts", prompts, BadTask, 2)
        return Beats(self, control, share, most)

    def __lt__(self, other: object) -> Comparison:
        return self._compare(other, "<")

    def __le__(self, other: object) -> Comparison:
        return self._compare(other, "<=")

    def __gt__(self, other: object) -> Comparison:
        return self._compare(other, ">")

    def __ge__(self, other: object) -> Comparison:
        return self._compare(other, ">=")

    def __eq__(self, other: object) -> Comparison:  # type: ignore[override]
        margin = self._margin(other, "==")
        return Comparison(self, Within(margin.value, margin.abs))

    def __ne__(self, other: object) -> Comparison:  # type: ignore[override]
        margin = self._margin(other, "!=")
        return Comparison(self, Outside(margin.value, margin.abs))

    @overload
    def __sub__(self, other: StoredNumber) -> Change: ...  # type: ignore[overload-overlap]
    @overload
    def __sub__(self, other: object) -> Self: ...
    def __sub__(self, other: object) -> Self | Change:
        return Change(self, other) if isinstance(other, StoredNumber) else super().__sub__(other)

    def _compare(self, other: object, relation: str) -> Comparison:
        if isinstance(other, Quantity):
            return (self - other)._compare(0.0, relation)
        if isinstance(other, StoredNumber):
            raise NotComparable(
                f"{self.label} {relation} {other.name}: a stored number has an error of its own. Claim something of the "
                f"change: quantity - then {relation} 0."
            )
        number = number_of(other)
        if number is None or not math.isfinite(number):
            raise NotComparable(
                f"cannot compare {self.label} with {shown(other)}; expected a finite number or a quantity."
                f"{after_reload(other)}"
            )
        return Comparison(self, (Below if relation.startswith("<") else Above)(number, relation))

    def _margin(self, other: object, relation: str) -> Approx:
        if isinstance(other, Approx):
            return other
        if type(other).__module__.startswith("_pytest"):
            raise NotComparable(
                f"{self.label} {relation} pytest.approx({text_of(getattr(other, 'expected', other))}): pytest compares "
                f"numbers that are there, and this one is not measured yet. Use cc.approx, whose verdict is a statistical "
                f"one: quantity {relation} cc.approx({text_of(getattr(other, 'expected', other))}, abs=0.05)."
            )
        raise NotComparable(
            f"{self.label} {relation} {shown(other)}: no measured number equals another exactly. Say how close is equal: "
            f"quantity {relation} cc.approx({text_of(getattr(other, 'expected', other))}, abs=0.05)."
        )

    def __bool__(self) -> NoReturn:
        raise NotComparable(f"{self.label} is a number that has not been measured; compare it, as in `quantity < 0.8`.")

    def __float__(self) -> NoReturn:
        raise NotComparable(
            f"{self.label} has not been measured. In a claim compare it as it is: `assert quantity < 0.8`. To look at it, "
            f"`.estimate(n)` and `.values(n)` measure it."
        )

    def __abs__(self) -> NoReturn:
        raise NotComparable(
            f"abs({self.label}) is a number of its own, whose mean is another. To claim that this one is near 0, write "
            f"`quantity == cc.approx(0, abs=0.1)`; `.values(n)` are numbers that numpy can take."
        )

    def __round__(self, digits: int | None = None) -> NoReturn:
        raise NotComparable(
            f"round({self.label}): it has not been measured. Say how close is equal: `quantity == cc.approx(0.5, abs=0.05)`."
        )

    def __format__(self, spec: str) -> str:
        if spec:
            raise NotComparable(
                f"{self.label} has not been measured, so it has no digits to show; `.estimate(n).value` is a number."
            )
        return str(self)

    def __pow__(self, other: object) -> NoReturn:
        raise NotComparable(
            f"{self.label} ** {shown(other)}: quantities have sums, multiples and one ratio, whose intervals are known. A "
            f"metric of one's own, cc.metric(function, support=...), may square what it reads."
        )

    if not TYPE_CHECKING:  # type checkers know what is there

        def __getattr__(self, name):
            raise no_attribute(self, name, _ELSEWHERE)

    def __repr__(self) -> str:
        models = ", ".join(map(str, self.models))
        return printable(f"<{self.label} | model {models} | {self.prompts} | not measured>")

    def _repr_html_(self) -> str:
        return escape_code(repr(self))
