"""Receipts: what each intervention of a view changed, prompt by prompt."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.engine.protocol import Receipt
from circuitcheck.engine.torch.proof.features import labels, receipts_of
from circuitcheck.engine.torch.proof.watch import Change
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.places import Site
from circuitcheck.plan import EditFeatures, Plan, View


class Proof:
    """What each intervention of a view changed, prompt by prompt."""

    def __init__(self, view: View, prompts: int) -> None:
        self._view = view
        self._relative = [np.zeros(prompts) for _ in view.interventions]
        self._moved: list[set[Site]] = [set() for _ in view.interventions]
        self._names = [labels(each) if isinstance(each, EditFeatures) else () for each in view.interventions]
        self._activation = [np.zeros((prompts, len(names))) for names in self._names]
        self._output = [np.zeros(prompts if names else 0) for names in self._names]

    def add(self, indices: list[int], changes: list[Change], read: Batch) -> None:
        """`changes` are those of texts, which the prompts `indices`, those of `read`, are read from. They are noted when
        fetched."""
        for step, change in enumerate(changes):
            fetching = change.fetching
            fetching.put(change.relative(read), self._relative[step], indices)
            for sites, flags in change.moved:
                fetching.ask(flags, partial(_note, self._moved[step], sites))
            if change.firing is not None:
                fetching.put(change.firing.strongest(read), self._activation[step], indices)
                fetching.put(change.firing.output(read), self._output[step], indices)

    def receipts(self, plan: Plan) -> tuple[Receipt, ...]:
        """One for each intervention."""
        found = []
        for step, intervention in enumerate(self._view.interventions):
            sites = {site for site, _ in intervention.writes}
            found.append(
                Receipt(
                    digest=digest((self._view.digest, step)),
                    model=str(plan.model),
                    view=self._view.describe(),
                    intervention=intervention.describe(),
                    sites=tuple(sorted(map(str, sites))),
                    relative=tuple(self._relative[step].tolist()),
                    allow_vacuous=intervention.allow_vacuous,
                    dtype=plan.model.dtype,
                    idle=tuple(sorted(map(str, sites - self._moved[step]))),
                    features=receipts_of(self._names[step], self._activation[step]),
                    output=tuple(self._output[step].tolist()),
                )
            )
        return tuple(found)


def _note(moved: set[Site], sites: list[Site], flags: NDArray[np.float64]) -> None:
    moved.update(site for site, yes in zip(sites, flags, strict=True) if yes)
