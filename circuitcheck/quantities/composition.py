"""Composition scores of pairs of heads: a fact of weights, without prompts, beside that of all other pairs."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadMetric, UnknownUnit
from circuitcheck.given import checked_whole
from circuitcheck.places import Head, parse_units
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.session import current_session
from circuitcheck.text import shown

Kind = Literal["Q", "K", "V"]


@dataclass(frozen=True, eq=False, repr=False)
class Composition:
    """`scores` [layer, head, later layer, later head], between 0 and 1, NaN where the second is not in a later layer."""

    kind: Kind
    scores: NDArray[np.float64]
    model: ModelView

    def of(self, first: str | Head, second: str | Head) -> float:
        """The score of a pair, the earlier head first. Raises UnknownUnit, BadMetric for a pair in the other order."""
        return float(self.scores[self._place(first, second)])

    def rank(self, first: str | Head, second: str | Head) -> int:
        """1 where no pair has a larger score, 2 where one has, and so on, of `pairs`."""
        return 1 + int((self.scores[np.isfinite(self.scores)] > self.of(first, second)).sum())

    def above(self, first: str | Head, second: str | Head) -> float:
        """The share of all other pairs whose score is smaller: what a pair drawn at random would have to beat."""
        return 1 - (self.rank(first, second) - 1) / max(1, self.pairs - 1)

    @property
    def pairs(self) -> int:
        """How many there are."""
        return int(np.isfinite(self.scores).sum())

    @known_arguments
    def top(self, k: int = 10) -> tuple[tuple[Head, Head, float], ...]:
        """The `k` pairs with the largest scores, largest first."""
        most = checked_whole("k", k, BadMetric)
        order = np.argsort(-np.where(np.isfinite(self.scores), self.scores, -np.inf), axis=None, kind="stable")
        places = (np.unravel_index(each, self.scores.shape) for each in order[: min(most, self.pairs)])
        return tuple((Head(int(a), int(b)), Head(int(c), int(d)), float(self.scores[a, b, c, d])) for a, b, c, d in places)

    def _place(self, first: str | Head, second: str | Head) -> tuple[int, int, int, int]:
        one, other = (self._head(each) for each in (first, second))
        if other.layer <= one.layer:
            raise BadMetric(f"{one} and {other}: the second head has to be in a later layer, to read what the first writes.")
        return one.layer, one.head, other.layer, other.head

    def _head(self, given: str | Head) -> Head:
        found = parse_units(given, self.model.card.architecture)
        if len(found) != 1 or not isinstance(found[0], Head):
            raise UnknownUnit(f"{shown(given)} is not one head, such as 'L9H9'.")
        return found[0]

    def __repr__(self) -> str:
        best = ", ".join(f"{one} -> {other} {score:.3f}" for one, other, score in self.top(3))
        return f"<{self.kind}-composition of {self.model.card.ref}: {self.pairs} pairs of heads; {best}>"


@known_arguments
def composition(model: ModelView, kind: Kind = "Q") -> Composition:
    """How much the output of each head and the input of each later one have in common, by their weights (Elhage et al.
    2021): `kind` says by which input, "Q", "K" or "V". Biases and rotations are no part of it, and no value that flows is:
    a large score says what could be read, not what is.

    Raises BadMetric for another kind, UnsupportedModel for attention without matrices of each head.
    """
    view = as_view(model, "composition()")
    if kind not in get_args(Kind):
        raise BadMetric(f"kind={shown(kind)}; expected 'Q', 'K' or 'V': the input of the later head.")
    return Composition(kind, current_session().engine.composition(view.card.ref, kind), view)
