"""What views and metrics need of a task: its positions, its counterfactuals, a distractor."""

from dataclasses import replace

from circuitcheck.errors import BadMetric, UnknownCounterfactual, UnknownPosition, VacuousIntervention
from circuitcheck.places import Position, named_in
from circuitcheck.plan import CLEAN, Intervention, Metric, View
from circuitcheck.prompts import PromptSource
from circuitcheck.text import suggestion


def check_metric(task: PromptSource, metric: Metric) -> None:
    """Raises UnknownPosition, and BadMetric for a metric that compares with a distractor where `task` has none."""
    for position in named_in(metric.looks_at):
        _check_position(task, position, metric.name)
    needs_distractor = metric.tokens == "pair" or metric.reads == "distractor"
    if needs_distractor and not task.facts.has_distractor:
        instead = "say toward='answer'" if metric.sites else "use log_prob or accuracy"
        raise BadMetric(f"{metric.name} compares with a distractor, and task {task.name!r} has none: {instead}.")


def bound_to_task(task: PromptSource, view: View, seed: int) -> View:
    """The view with everything explicit that depends on this task. Raises UnknownPosition, UnknownCounterfactual,
    VacuousIntervention."""
    if view.base != CLEAN:
        counterfactual_named(task, view.base, view.describe())
    for intervention in view.interventions:
        for at in intervention.looks_at:
            for position in named_in(at):
                _check_position(task, position, intervention.describe())

    def counterfactual(name: str | None, what: str) -> str:
        return counterfactual_named(task, name, what)

    bound = (
        each.bind(task=task.origin, mean_by=task.facts.mean_by, counterfactual=counterfactual, seed=seed)
        for each in view.interventions
    )
    return replace(view, interventions=tuple(_not_from_itself(each, view.base) for each in bound))


def counterfactual_named(task: PromptSource, name: str | None, what: str) -> str:
    """The counterfactual called `name`, or the first that `task` declares, which `what` needs. Raises
    UnknownCounterfactual."""
    names = task.facts.counterfactuals
    if not names:
        raise UnknownCounterfactual(
            f"task {task.name!r} declares no counterfactual, which {what} needs. {_without_counterfactual(what)}"
        )
    if name is not None and name not in names:
        raise UnknownCounterfactual(
            f"task {task.name!r} has no counterfactual {name!r}; it has {', '.join(names)}.{suggestion(name, names)}"
        )
    return name or names[0]


def _check_position(task: PromptSource, position: Position, what: str) -> None:
    there = task.facts.positions
    if not position.is_among(there):
        raise UnknownPosition(
            f"task {task.name!r} has no position {position.name!r} (in: {what}); it has {', '.join(there)}."
            f"{suggestion(position.name, there)}"
        )


def _without_counterfactual(what: str) -> str:
    """What to do instead, by what needs one."""
    if what.startswith("recovered"):
        return "To compare with the clean model instead, divide: quantity(view) / quantity(model)."
    if "counterfactual" in what and "ablation" in what:
        return "Use another kind of ablation, or declare one: counterfactuals={...}."
    return "Declare one: counterfactuals={...} of a task, the field counterfactuals of a file's rows (docs/prompts.md)."


def _not_from_itself(intervention: Intervention, base: str) -> Intervention:
    """Raises VacuousIntervention where values would be taken from the very run that they are written to."""
    if not intervention.allow_vacuous and any(need.source == base for need in intervention.needs):
        raise VacuousIntervention(
            f"{intervention.describe()} takes its values from the run that it is in (the view is on {base}): it changes "
            f"nothing. Take them from another run, or use model.on(...)."
        )
    return intervention
