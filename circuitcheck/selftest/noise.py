"""How a planted head's effect varies from prompt to prompt: quantiles of a distribution, spread over a pool of words."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from circuitcheck.prompts.permutation import permute

Distribution = Literal["normal", "uniform", "t3", "exponential", "lognormal", "none"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """`size` is the standard deviation, in logits; "none" has no spread, whatever its size. "t3" is Student's t with 3
    degrees of freedom, "lognormal" has sigma 1.

    Raises ValueError for another distribution, and for a size that is negative or not finite.
    """

    distribution: Distribution = "normal"
    size: float = 1.0

    def __post_init__(self) -> None:
        if self.distribution not in get_args(Distribution):
            known = ", ".join(map(repr, get_args(Distribution)))
            raise ValueError(f"{self.distribution!r} is no distribution of noise; there are {known}.")
        if not 0 <= self.size < math.inf:
            raise ValueError(f"noise of size {self.size:g} cannot be: a standard deviation is a finite number, 0 or more.")

    def pool(self, count: int) -> Floats:
        """[word], in logits: quantiles at (k + 1/2) / count, ascending, moved and scaled so that this pool's own mean is 0
        and its own standard deviation is `size`. `count` is at least 2."""
        if self.distribution == "none":
            return np.zeros(count)
        levels = (np.arange(count) + 0.5) / count
        values: Floats = self.size * _standardised(_QUANTILES[self.distribution](levels))
        return values


def shuffled_normal(count: int, spread: float, key: str) -> Floats:
    """[count]: normal quantiles in an order that `key` fixes; their mean is 0, their standard deviation `spread`."""
    ascending = Noise("normal", spread).pool(count)
    shuffled: Floats = ascending[[permute(index, count, key) for index in range(count)]]
    return shuffled


def _standardised(values: Floats) -> Floats:
    centred: Floats = values - values.mean()
    scaled: Floats = centred / centred.std()
    return scaled


def _normal(levels: Floats) -> Floats:
    from scipy import special

    return np.asarray(special.ndtri(levels), dtype=np.float64)


def _t3(levels: Floats) -> Floats:
    from scipy import special

    return np.asarray(special.stdtrit(3, levels), dtype=np.float64)


_QUANTILES: dict[str, Callable[[Floats], Floats]] = {
    "normal": _normal,
    "uniform": lambda levels: levels,
    "t3": _t3,
    "exponential": lambda levels: -np.log1p(-levels),
    "lognormal": lambda levels: np.exp(_normal(levels)),
}
