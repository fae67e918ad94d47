"""Laws that every intervention keeps, whatever it does. A kernel that breaks one is wrong."""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

from torch import Tensor

from circuitcheck.engine.protocol import Look
from circuitcheck.errors import BadIntervention, BrokenLaw
from circuitcheck.places import Site
from circuitcheck.plan import Cell, Intervention, Plan, Showing, View
from circuitcheck.prompts import PromptStream
from circuitcheck.quantities import Model, Task
from circuitcheck.session import current_session

_ROUNDING = 1e-2  # of the effect: another batch moves logits by rounding alone
_LEAST = 1e-4  # of a logit


@dataclass
class _Case:
    """One intervention under examination, on the first `n` prompts of a task's discovery stream."""

    intervention: Intervention
    model: Model
    task: Task
    n: int

    def look(self, view: View, batch: int | None = None) -> Look:
        """A run that nothing remembers. Raises what the proof of intervention raises."""
        cell, engine = Cell(view, Showing()), current_session().engine
        plan = Plan(self.model.ref, PromptStream(self.task.definition, "discovery", 0), (cell,), batch or self.n)
        return engine.look(plan, range(self.n))

    def bound(self, *interventions: Intervention) -> View:
        """The view with these, in this order, for this task."""
        view = self.model
        for each in interventions:
            view = view.intervene(each)  # type: ignore[assignment]
        (cell,) = self.task.metric("loss", view).cells
        return cell.view

    @cached_property
    def found(self) -> Look:
        return self.look(self.bound(self.intervention))

    @cached_property
    def effect(self) -> float:
        """The largest change of a logit."""
        return _apart(self.found.logits, self.look(View(self.model.ref)).logits)

    def same(self, one: Tensor, other: Tensor) -> bool:
        return _apart(one, other) <= max(_ROUNDING * self.effect, _LEAST)


def check_kernel(intervention: Intervention, model: Model, task: Task, *, n: int = 8) -> tuple[str, ...]:
    """Hold an intervention to the laws that every one keeps, on the first `n` prompts of a task that has its positions.

    It is data: it can be pickled, and its digest tells each of its fields. Its kernel leaves the given tensors alone, writes
    where it declares and nowhere else, and moves every site that it declares in some prompt. It does the same to the bit
    each time. What it does to a prompt does not depend on the prompts beside it. With an intervention at another site it
    gives the same in either order, unless it holds something still.

    Returns the names of the laws. Raises BrokenLaw, which names the one that is broken and how; StrayWrite, SiteNotReached,
    VacuousIntervention or BadIntervention as a claim would.
    """
    case = _Case(intervention, model, task, n)
    for name, law in LAWS.items():
        broken = law(case)
        if broken:
            raise BrokenLaw(f"{intervention.describe()}: the law {name!r} is broken: {broken}")
    return tuple(LAWS)


def _is_data(case: _Case) -> str:
    try:
        again = pickle.loads(pickle.dumps(case.intervention))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return f"it cannot be pickled ({error}). Is its class inside of a function?"
    if again.digest != case.intervention.digest:
        return "another digest after pickling: values would not be found again."
    for name, other in _others(case.intervention):
        if other.digest == case.intervention.digest:
            return f"its digest does not tell {name}={getattr(other, name)!r} from {getattr(case.intervention, name)!r}."
    return ""


def _others(intervention: Any) -> Iterator[tuple[str, Intervention]]:
    """The same with another number in one field."""
    for field in fields(intervention) if is_dataclass(intervention) else ():
        value = getattr(intervention, field.name)
        if field.init and isinstance(value, bool | int | float) and field.metadata.get("digest", True):
            try:
                yield field.name, replace(intervention, **{field.name: not value if isinstance(value, bool) else value + 1})
            except (ValueError, BadIntervention):  # it refuses that number
                continue


def _acts(case: _Case) -> str:
    (receipt,) = case.found.receipts
    if case.intervention.allow_vacuous:
        return ""
    if not receipt.changed:
        return f"it changes none of {receipt.prompts} prompts by more than 1e-6 of its value."
    return f"it never changes {', '.join(receipt.idle)}, which it declares." if receipt.idle else ""


def _repeats(case: _Case) -> str:
    again = case.look(case.bound(case.intervention))
    same = again.logits.equal(case.found.logits) and again.receipts == case.found.receipts
    return "" if same else "another run of the same prompts gives other bits: what is random in it must be taken out."


def _knows_no_neighbours(case: _Case) -> str:
    alone = case.look(case.bound(case.intervention), batch=1)
    if case.same(alone.logits, case.found.logits):
        return ""
    return f"a prompt's logits move by {_apart(alone.logits, case.found.logits):.2g} when it is run alone."


def _composes(case: _Case) -> str:
    if case.intervention.freezes:
        return ""
    written = {(site.kind, site.layer) for site, _ in case.intervention.writes}
    free = [Site(kind, layer) for kind in ("mlp_out", "attn_out") for layer in range(case.model.architecture.n_layers)]
    other = next(site for site in free if (site.kind, site.layer) not in written)
    (ablation,) = case.model.ablate([other], kind="zero").data.interventions
    one, two = (
        case.look(case.bound(*pair)).logits for pair in ((case.intervention, ablation), (ablation, case.intervention))
    )
    if case.same(one, two):
        return ""
    return f"before and after a zero ablation of {other} it gives logits that are {_apart(one, two):.2g} apart."


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


LAWS: dict[str, Callable[[_Case], str]] = {
    "it is data": _is_data,
    "it acts where it says": _acts,
    "the same bits each time": _repeats,
    "no prompt knows its neighbours": _knows_no_neighbours,
    "it composes with others": _composes,
}
