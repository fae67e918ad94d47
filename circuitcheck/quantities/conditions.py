"""Under which conditions a quantity is judged: the machine's noise, and which prompts belong together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from circuitcheck.sampling import Clusters, Noise, Values
from circuitcheck.session import Settings, current_session
from circuitcheck.stats import cluster_means

if TYPE_CHECKING:
    from circuitcheck.prompts import Labels
    from circuitcheck.quantities.quantity import Quantity


@dataclass(frozen=True)
class Conditions:
    """`floors`: the noise of each cell, by digest. `clusters(n)`: what the first n prompts are a sample of, where that is
    more than prompts. `units(values)`: values [prompt] as one value for each unit, where prompts come in pairs."""

    floors: Mapping[str, Noise] = field(default_factory=dict)
    clusters: Callable[[int], Clusters] | None = None
    units: Callable[[Values], Values] | None = None

    @property
    def independent(self) -> bool:
        return self.clusters is None and self.units is None


def conditions_of(quantity: "Quantity", settings: Settings) -> Conditions:
    """Asks the engine for the noise floor of each cell's metric, which it measures once."""
    where, session = quantity.prompts, current_session()
    floors = {
        cell.digest: session.noise(where.task, cell.view.model, cell.metric, where.stream, where.seed)
        for cell in quantity.cells
    }

    def labels(n: int) -> "tuple[Labels, ...]":
        return session.labels(where.task, quantity.models[0], where.stream, where.seed, range(n))

    def clusters(n: int) -> Clusters:
        found = labels(n)
        templates = tuple(each.template for each in found)
        second = where.task.second_cluster
        if second is None:
            return Clusters(("templates",), (templates,))
        return Clusters(("templates", f"values of {second}"), (templates, tuple(each.second or "" for each in found)))

    def pair_means(values: Values) -> Values:
        return cluster_means(values, np.array([each.pair for each in labels(len(values))]))

    if settings.scope == "new_templates":
        return Conditions(floors, clusters)
    if where.task.pairs:
        return Conditions(floors, units=pair_means)
    return Conditions(floors)
