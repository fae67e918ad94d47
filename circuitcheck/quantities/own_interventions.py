"""What a user brings: is it an intervention, and can a view run without a task?"""

import inspect
from dataclasses import replace
from typing import Any

from circuitcheck.errors import BadIntervention, UnknownCounterfactual, UnknownPosition, after_reload
from circuitcheck.places import Architecture, Site, check_sites, named_in
from circuitcheck.plan import CLEAN, Intervention, InterventionBase, ModelRef, Need, View
from circuitcheck.prompts import SourceFacts
from circuitcheck.text import a_kind, shown

_MEMBERS = tuple(name for name in vars(Intervention) if not name.startswith("_"))
_MISSING = object()
_ABSENT = (_MISSING, vars(InterventionBase)["writes"])  # the base says nothing of it


def check_intervention(given: Any, architecture: Architecture) -> None:
    """Raises BadIntervention for what is no intervention, or one whose parts are not what they should be; UnknownSite."""
    what = a_kind(given) if not isinstance(given, type) else f"the class {given.__name__}"
    lacking = [name for name in _MEMBERS if inspect.getattr_static(given, name, _MISSING) in _ABSENT]
    if isinstance(given, type) or lacking:
        why = f" It has no {', '.join(lacking)}." if lacking else " Make one of it: write ()."
        raise BadIntervention(
            f"{what} is no intervention; expected a frozen dataclass with the base "
            f"circuitcheck.ext.InterventionBase.{why}{after_reload(given)}"
        )
    if type(given).__hash__ is None:
        raise BadIntervention(f"{what} can be changed after it was put into a view: write @dataclass(frozen=True) above it.")
    writes = given.writes
    if not isinstance(writes, tuple) or not writes or not all(map(_is_place, writes)):
        raise BadIntervention(
            f"{what} says that it writes {shown(writes)}; expected a tuple of (Site, positions), one at least, with "
            f"positions of parse_at."
        )
    for name, said in (("describe()", given.describe()), ("digest", given.digest)):
        if not isinstance(said, str) or not said:
            raise BadIntervention(f"{what} has the {name} {shown(said)}; expected a text.")
    check_sites([site for site, _ in writes], architecture)


def check_direction(given: Any, what: str) -> None:
    """Raises BadIntervention for what is no direction, which it takes to do `what`."""
    if not isinstance(getattr(given, "model", None), ModelRef):
        raise BadIntervention(
            f"cannot {what} {a_kind(given)}: expected a direction, such as cc.mean_difference(task, model, at=..., "
            f"minus=...), or cc.direction(vector, model).{after_reload(given)}"
        )


def _is_place(write: object) -> bool:
    return isinstance(write, tuple) and len(write) == 2 and isinstance(write[0], Site)


def bound_without_task(view: View, facts: SourceFacts) -> View:
    """A view for given prompts, whose counterfactuals it may use. Raises BadIntervention for values of a task's stream,
    UnknownCounterfactual."""
    what = view.describe()

    def counterfactual(name: str | None, asks: str) -> str:
        names = facts.counterfactuals
        if not names or (name is not None and name not in names):
            raise UnknownCounterfactual(
                f"{asks} needs the counterfactual {name or 'of each prompt'}, and these prompts have "
                f"{', '.join(names) or 'none'} in common. Take prompts of a task that declares it: task.prompts(...)."
            )
        return name or names[0]

    if view.base != CLEAN:
        counterfactual(view.base, what)
    for position in (position for each in view.interventions for at in each.looks_at for position in named_in(at)):
        if not position.is_among(facts.positions):
            raise UnknownPosition(
                f"{what}: these prompts have no position {position.name!r} in common, but {', '.join(facts.positions)}."
            )
    bound = tuple(
        each.bind(task="", mean_by=facts.mean_by, counterfactual=counterfactual, seed=0) for each in view.interventions
    )
    needed: list[Need] = [need for each in bound for need in each.needs]
    if not all(isinstance(need.source, str) for need in needed):
        raise BadIntervention(
            f"{what} takes values of a task's reference stream, and prompts alone have no task: task.metric(metric, view) "
            f"measures it; here use patch, or another kind of ablation."
        )
    return replace(view, interventions=bound)
