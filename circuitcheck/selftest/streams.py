"""Value streams whose mean is known: what the sampling code is fed in place of prompts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling import BoundedMean, Estimand, PairedDifference, Proportion, Quantile, RealMean, Values

Sample = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]  # -> [claim, prompt]


@dataclass(frozen=True)
class Stream:
    """Independent values of known `mean` and standard deviation `sd`, and the estimand that claims about them meet. Where
    `known` says something, more error than the nominal is expected, and users are warned. `cost`: how many claims of the
    usual kind one takes, so that fewer are asked."""

    name: str
    sample: Sample
    mean: float
    sd: float
    build: Callable[[Values], Estimand] = RealMean
    known: str = ""
    cost: int = 1


def _bernoulli(p: float) -> Stream:
    return Stream(
        f"Bernoulli({p:g})",
        lambda rng, shape: (rng.random(shape) < p).astype(float),
        p,
        math.sqrt(p * (1 - p)),
        build=Proportion,
    )


def _lognormal(sigma: float) -> Stream:
    mean = math.exp(sigma**2 / 2)
    return Stream(
        f"lognormal({sigma:g})",
        lambda rng, shape: rng.lognormal(0, sigma, shape),
        mean,
        mean * math.sqrt(math.expm1(sigma**2)),
        known="skewed",
    )


def _mostly_zero(share: float) -> Stream:
    """Exponential values, a `share` of which is replaced by 0."""

    def sample(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.where(rng.random(shape) < share, 0.0, rng.exponential(1.0, shape))
        return values

    rest = 1 - share
    return Stream(f"{share:.0%} zeros", sample, rest, math.sqrt(2 * rest - rest**2), known="most values tie")


def _paired(first: float, second: float) -> Stream:
    """Differences of two 0/1 measurements: +1 on a share `first` of the prompts, -1 on a share `second`."""

    def sample(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        drawn = rng.random(shape)
        values: NDArray[np.float64] = (drawn < first).astype(float) - (drawn > 1 - second)
        return values

    mean = first - second
    return Stream(
        f"paired 0/1 differences, {first:g} to {second:g}",
        sample,
        mean,
        math.sqrt(first + second - mean**2),
        build=lambda values: PairedDifference(values, 1.0, 0.0),
        cost=5,
    )


STREAMS = (
    Stream("normal", lambda rng, shape: rng.normal(size=shape), 0.0, 1.0),
    Stream("uniform", lambda rng, shape: rng.random(shape), 0.5, math.sqrt(1 / 12)),
    Stream("t3", lambda rng, shape: rng.standard_t(3, shape), 0.0, math.sqrt(3)),
    _bernoulli(0.5),
    _bernoulli(0.95),
    _paired(0.15, 0.05),
    Stream("median of normal values", lambda rng, shape: rng.normal(size=shape), 0.0, 1.0, build=lambda x: Quantile(x, 0.5)),
    Stream(
        "Beta(2, 5), bounds known",
        lambda rng, shape: rng.beta(2, 5, shape),
        2 / 7,
        math.sqrt(10 / 392),
        build=lambda values: BoundedMean(values, 0.0, 1.0),
    ),
    Stream("Beta(2, 5), bounds unknown", lambda rng, shape: rng.beta(2, 5, shape), 2 / 7, math.sqrt(10 / 392)),
    Stream("exponential", lambda rng, shape: rng.exponential(1.0, shape), 1.0, 1.0, known="skewed"),
    _lognormal(0.5),
    _lognormal(1.0),
    _lognormal(1.5),
    _mostly_zero(0.9),
    _mostly_zero(0.95),
)
