"""Two revisions of one model whose difference is known: how often the words for it are wrong, and how often they come.

On the margin itself the change is exactly as large as it may be, so that both words are wrong. An alarm (moved, broke)
counts as a refutation, and that it holds as support. True: the number changed by a tenth of the margin. False: by three
times it. Each word is said at half of a claim's error, on one side: 1.25% of it may be wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling import Below, Clusters, Estimand, Pair, Proportion, RatioOfMeans, RealMean, mean_of
from circuitcheck.selftest.rates import Measured, Outcome, Rates

Floats = NDArray[np.float64]
_N, _MARGIN, _FAR = 128, 0.1, 9.0
_TRUE, _FALSE = 0.1, 3.0  # times the margin
Draw = Callable[[np.random.Generator, float], tuple[Estimand, Estimand]]  # a change -> before, now
_ALPHA = 0.05
_WORDS = ("holds", "alarms")


@dataclass(frozen=True)
class Revision:
    """`draw` gives a number before and now, from the same fresh prompts, whose true values differ by so much. `cost`: how
    many of the usual kind one takes, so that fewer are asked. `known` says why more error is expected."""

    name: str
    draw: Draw
    cost: int = 1
    known: str = ""


def measure_revision(revision: Revision, claims: int, others: int, seed: int) -> Measured:
    rng = np.random.default_rng([seed, *revision.name.encode()])

    def rates(times: float, count: int) -> Rates:
        return Rates.of(_outcomes(revision, times * _MARGIN, max(count // revision.cost, 1), rng))

    found = rates(1.0, claims), rates(_TRUE, others), rates(_FALSE, others)
    return Measured(f"drift, {revision.name}", *found, revision.known, _ALPHA / 4, _WORDS)


def _outcomes(revision: Revision, change: float, count: int, rng: np.random.Generator) -> Iterator[Outcome]:
    for _ in range(count):
        old, new = revision.draw(rng, change)
        pair = Pair(old, new, Below(_FAR), "supported", "supported", _ALPHA, declared=_MARGIN)
        word = "refuted" if pair.alarm(_ALPHA) else "supported" if pair.holds() else "inconclusive"
        yield Outcome(word, _N, warned=bool(pair.change.warnings((_MARGIN, -_MARGIN), pair.level(_ALPHA))))


def _mean(rng: np.random.Generator, change: float) -> tuple[Estimand, Estimand]:
    old = rng.normal(size=_N)
    return RealMean(old), RealMean(old + rng.normal(change, 0.3, _N))


def _ratio(rng: np.random.Generator, change: float) -> tuple[Estimand, Estimand]:
    """The new model is half as confident again; only its share is to count."""
    below = rng.normal(4, 1, _N)
    one, other = rng.normal(0, 0.6, (2, _N))
    grown = 1.5 * below + rng.normal(0, 0.3, _N)
    now = (0.3 + change) * grown + 0.7 * one + 0.7 * other
    return RatioOfMeans(0.3 * below + one, below), RatioOfMeans(now, grown)


def _share(rng: np.random.Generator, change: float) -> tuple[Estimand, Estimand]:
    """Some prompts are answered rightly that were not, and a few the other way round."""
    old, drawn = rng.random(_N) < 0.5, rng.random(_N)
    gained, lost = 2 * (change + 0.01), 0.02
    new = np.where(old, drawn > lost, drawn < gained)
    return Proportion(old.astype(float)), Proportion(new.astype(float))


def _templates(rng: np.random.Generator, change: float) -> tuple[Estimand, Estimand]:
    """Sixteen templates, in each of which the number changes by another amount."""
    labels = np.arange(_N) % 16
    clusters = Clusters(("templates",), (tuple(map(str, labels)),))
    old = rng.normal(0, 0.5, 16)[labels] + rng.normal(size=_N)
    new = old + change + rng.normal(0, 0.1, 16)[labels] + rng.normal(0, 0.2, _N)
    return mean_of(old, None, clusters), mean_of(new, None, clusters)


REVISIONS = (
    Revision("mean", _mean),
    Revision("ratio of means", _ratio, cost=4),
    Revision("share of prompts", _share),
    Revision("mean, new templates", _templates),
)
