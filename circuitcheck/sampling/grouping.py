"""Which prompts belong together, and what they are a sample of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling.clusters import Clusters
from circuitcheck.sampling.estimands import Values
from circuitcheck.stats import cluster_means


@dataclass(frozen=True)
class Memberships:
    """[prompt]: its template (or document), the value of the second cluster, and its sampling unit; empty texts where there
    are none."""

    templates: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def first(self, n: int) -> "Memberships":
        return Memberships(self.templates[:n], self.second[:n], self.units[:n])


@dataclass(frozen=True)
class Grouping:
    """`clusters` names what prompts are a sample of, where that is more than prompts: templates, and values of a second
    slot. `has_units`: several prompts count as one; `what` these are called. `labels(n)` are those of the first n."""

    labels: Callable[[int], Memberships] = lambda _: Memberships()
    clusters: tuple[str, ...] = ()
    has_units: bool = False
    what: str = "prompts"

    @property
    def independent(self) -> bool:
        return not self.clusters and not self.has_units

    def in_units(self, values: Values) -> Values:
        """Values [prompt] as one for each sampling unit."""
        return cluster_means(values, self._unit_of(len(values))) if self.has_units else values

    def clusters_of(self, n: int) -> Clusters | None:
        """Of the first `n` prompts, or of their sampling units, each of which belongs where its first prompt does."""
        if not self.clusters:
            return None
        found = self.labels(n)
        kept = np.unique(self._unit_of(n), return_index=True)[1] if self.has_units else np.arange(n)
        kinds = (found.templates, found.second)[: len(self.clusters)]
        return Clusters(self.clusters, tuple(tuple(each[place] for place in kept) for each in kinds))

    def trials(self, n: int) -> int:
        """How many of the first `n` prompts are independent: those of one sampling unit (a document) count as one."""
        return len(set(self.labels(n).units)) if self.has_units else n

    def _unit_of(self, n: int) -> NDArray[np.intp]:
        """For each prompt the number of its sampling unit."""
        found: NDArray[np.intp] = np.unique(self.labels(n).units, return_inverse=True)[1]
        return found
