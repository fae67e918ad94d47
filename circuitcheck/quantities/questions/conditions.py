"""Under which conditions a quantity is judged: the machine's noise, and which prompts belong together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitcheck.prompts import Labels
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.quantities.expressions.linear import floor_key
from circuitcheck.sampling import Clusters, Noise, Values
from circuitcheck.session import Settings, current_session
from circuitcheck.stats import cluster_means


@dataclass(frozen=True)
class Conditions:
    """`floors`: the noise by model and metric. `clusters(n)`: what the first n prompts are a sample of, where that is
    more than prompts. `sampling_units(values)`: values [prompt] as one value for each
    sampling unit, where several prompts count as one; `what` these are called."""

    floors: Mapping[tuple[str, str], Noise] = field(default_factory=dict)
    clusters: Callable[[int], Clusters] | None = None
    sampling_units: Callable[[Values], Values] | None = None
    what: str = "prompts"

    @property
    def independent(self) -> bool:
        return self.clusters is None and self.sampling_units is None


def conditions_of(quantity: Expression, settings: Settings) -> Conditions:
    """Asks the engine for the noise floor of each cell's metric, which it measures once."""
    where, session = quantity.prompts, current_session()
    facts = where.task.facts
    floors = {floor_key(cell): session.noise(where, cell.view.model, cell.metric) for cell in quantity.cells}

    def labels(n: int) -> tuple[Labels, ...]:
        return session.labels(where, quantity.models[0], range(n))

    def sampling_units_of(n: int) -> NDArray[np.intp]:
        """For each prompt the number of its sampling unit."""
        found: NDArray[np.intp] = np.unique([each.sampling_unit or "" for each in labels(n)], return_inverse=True)[1]
        return found

    def means_of_sampling_units(values: Values) -> Values:
        return cluster_means(values, sampling_units_of(len(values)))

    def clusters(n: int) -> Clusters:
        found = labels(n)
        if facts.has_sampling_units:  # a sampling unit belongs where its first prompt does
            found = tuple(found[first] for first in np.unique(sampling_units_of(n), return_index=True)[1])
        templates = tuple(each.template for each in found)
        second = facts.second_cluster
        if second is None:
            return Clusters((facts.groups,), (templates,))
        return Clusters((facts.groups, f"values of {second}"), (templates, tuple(each.second or "" for each in found)))

    return Conditions(
        floors,
        clusters if settings.scope == "new_templates" else None,
        means_of_sampling_units if facts.has_sampling_units else None,
        _name_of_sampling_units(facts.groups) if facts.has_sampling_units else "prompts",
    )


def _name_of_sampling_units(groups: str) -> str:
    return groups if groups == "documents" else "groups of prompts that count as one"
