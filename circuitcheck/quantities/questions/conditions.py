"""Under which conditions a quantity is judged: the machine's noise, and which prompts belong together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from circuitcheck.errors import BadTask
from circuitcheck.plan import Cell, Metric, ModelRef, View
from circuitcheck.prompts import PromptStream, SourceFacts
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.expressions.linear import floor_key
from circuitcheck.sampling import Grouping, Memberships, Noise
from circuitcheck.session import Settings, current_session


@dataclass(frozen=True)
class Conditions:
    """`floors`: the noise by model and metric."""

    floors: Mapping[tuple[str, str], Noise] = field(default_factory=dict)
    grouping: Grouping = field(default_factory=Grouping)


def measure_first_look(quantity: Expression) -> None:
    """Together with the untouched runs that the noise floor is found from: passes with interventions are shortened from
    these."""
    where, session = quantity.prompts, current_session()
    untouched = [Cell(View(cell.view.model), cell.metric) for cell in quantity.cells]
    session.measure(where, [*quantity.cells, *untouched], session.first_rows(where, quantity.models))


def find_noise(where: PromptStream, cells: Iterable[Cell]) -> None:
    """What the machine adds to the metrics of all these cells, each model's in the same runs."""
    metrics: dict[ModelRef, list[Metric]] = {}
    for cell in cells:
        metrics.setdefault(cell.view.model, []).append(cell.metric)
    for model, of_model in metrics.items():
        current_session().find_noise(where, model, of_model)


def conditions_of(quantity: Expression, settings: Settings) -> Conditions:
    """Asks the engine for the noise floor of each cell's metric, which it measures once."""
    where, session = quantity.prompts, current_session()
    facts = where.task.facts
    if settings.scope == "new_templates" and not facts.names_templates:
        raise BadTask(
            f'scope="new_templates" of {where.task.name}, whose rows do not all name a template: each would count as one of '
            f"its own, and many rows of one pattern as many. Give every row the field template, or leave scope= out."
        )
    find_noise(where, quantity.cells)
    floors = {floor_key(cell): session.noise(where, cell.view.model, cell.metric) for cell in quantity.cells}

    def labels(n: int) -> Memberships:
        found = session.labels(where, quantity.models[0], range(n))
        templates = tuple(each.template for each in found)
        return Memberships(
            templates, tuple(each.second or "" for each in found), tuple(each.sampling_unit or "" for each in found)
        )

    return Conditions(
        floors,
        Grouping(
            labels,
            _names_of_clusters(facts) if settings.scope == "new_templates" else (),
            facts.has_sampling_units,
            _name_of_sampling_units(facts.groups) if facts.has_sampling_units else "prompts",
        ),
    )


def _names_of_clusters(facts: SourceFacts) -> tuple[str, ...]:
    return (facts.groups,) if facts.second_cluster is None else (facts.groups, f"values of {facts.second_cluster}")


def _name_of_sampling_units(groups: str) -> str:
    return groups if groups == "documents" else "groups of prompts that count as one"
