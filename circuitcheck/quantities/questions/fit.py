"""How well a dictionary fits the values that it stands for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Encoded
from circuitcheck.places import Position, parse_position
from circuitcheck.plan import Cell, DictionaryRef, EditFeatures, ModelRef, Reconstruct
from circuitcheck.prompts import PromptStream
from circuitcheck.prompts.masks import MaskedSource
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.session import current_session

_LOOKED_AT = 64  # prompts of the discovery stream
_POOR = 0.5  # of the variance
_END = parse_position("END")


@dataclass(frozen=True, eq=False)
class Parts:
    """Row by row: the squared `error` of the reconstruction, the squared distance of the value from the mean value, and the
    number of `active` features; `alive` is the share of features that fire on any row."""

    error: NDArray[np.float64]
    variance: NDArray[np.float64]
    active: NDArray[np.float64]
    alive: float

    @classmethod
    def of(cls, found: Encoded) -> "Parts":
        fires = found.activations != 0
        return cls(
            np.square(found.values - found.reconstructed).sum(axis=1),
            np.square(found.values - found.values.mean(axis=0)).sum(axis=1),
            fires.sum(axis=1).astype(float),
            float(fires.any(axis=0).mean()),
        )

    @property
    def explained(self) -> float:
        """The share of the variance that the reconstruction explains: 1 - sum of squared errors / sum of squared distances
        from the mean. NaN where all values are the same."""
        total = self.variance.sum()
        return float(1 - self.error.sum() / total) if total > 0 else np.nan


def encoded(where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: Position, n: int) -> Encoded | None:
    """On prompts of the discovery stream, where there are any; of a filtered task, of all its prompts."""
    session, looks = current_session(), where.other("discovery")
    if isinstance(looks.task, MaskedSource):  # its mask may be of the claim's own stream alone
        looks = PromptStream(looks.task.base, "discovery", looks.seed, chosen=True)
    rows = range(min(n, session.population(looks, [model])))
    return session.encode(looks, model, dictionary, at, rows) if rows else None


def poor_fits(quantity: Expression) -> tuple[str, ...]:
    """Warnings of dictionaries that miss most of what is at their site, on the task of a quantity."""
    used = {(cell.view.model, ref, at) for cell in quantity.cells for ref, at in _used(cell)}
    found = []
    for model, ref, at in sorted(used, key=str):
        values = encoded(quantity.prompts, model, ref, at, _LOOKED_AT)
        if values is None:
            continue
        parts = Parts.of(values)
        if parts.explained < _POOR:
            found.append(
                f"{ref} explains {parts.explained:.0%} of the variance of {ref.writes} at {at} ({len(parts.error)} "
                f"prompts of the discovery stream; {parts.active.mean():.1f} features active): most of what is there is "
                f"in its error term"
            )
    return tuple(found)


def _used(cell: Cell) -> list[tuple[DictionaryRef, Position]]:
    """The dictionaries of a cell, each at a position where it is used."""
    found = []
    for each in cell.view.interventions:
        if isinstance(each, EditFeatures | Reconstruct):
            found += [(each.through, at) for at in (each.at if isinstance(each.at, tuple) else (_END,))]
    looked = cell.metric.looks_at
    return found + [(ref, at) for ref in cell.metric.dictionaries for at in (looked if isinstance(looked, tuple) else ())]
