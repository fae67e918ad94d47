"""Value streams whose mean is known: what the sampling code is fed in place of prompts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling import BoundedMean, Estimand, Proportion, RealMean, Values

Sample = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]  # -> [claim, prompt]


@dataclass(frozen=True)
class Stream:
    """Independent values of known `mean` and standard deviation `sd`, and the estimand that claims about them meet. Where
    `known` says something, more error than the nominal is expected, and users are warned."""

    name: str
    sample: Sample
    mean: float
    sd: float
    build: Callable[[Values], Estimand] = RealMean
    known: str = ""


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


def _mostly_zero(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.where(rng.random(shape) < 0.9, 0.0, rng.exponential(1.0, shape))
    return values


STREAMS = (
    Stream("normal", lambda rng, shape: rng.normal(size=shape), 0.0, 1.0),
    Stream("uniform", lambda rng, shape: rng.random(shape), 0.5, math.sqrt(1 / 12)),
    Stream("t3", lambda rng, shape: rng.standard_t(3, shape), 0.0, math.sqrt(3)),
    _bernoulli(0.5),
    _bernoulli(0.95),
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
    Stream("90% zeros", _mostly_zero, 0.1, math.sqrt(0.19), known="skewed, and most values tie"),
)
