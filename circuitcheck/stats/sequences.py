"""Confidence sequences for the mean of real values: valid at every n at once, with no budget fixed beforehand."""

import math

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval
from circuitcheck.stats.means import mean_and_error


def t_mixture(values: NDArray[np.float64], alpha: float, *, gamma: float = 0.25) -> Interval:
    """For normal values [n] of unknown variance (Lai 1976; Wang & Ramdas 2023, arXiv:2310.03722): a mixture of t
    likelihood ratios whose prior weighs as much as 1 / gamma values. Infinite where n is too small to say anything.

    Raises ValueError for n < 2, and unless gamma is above 0.
    """
    _check_positive("gamma", gamma)
    mean, error = mean_and_error(values)
    n = len(values)
    k = 1 + n * gamma
    r = (k / alpha**2) ** (1 / n)
    radius = error * math.sqrt((n - 1) * (r - 1) / (1 - r / k)) if r < k else math.inf
    return Interval(mean - radius, mean + radius, "t-mixture sequence", ("values are normal",))


def asymptotic_sequence(values: NDArray[np.float64], alpha: float, *, rho: float = 0.25) -> Interval:
    """Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024, Ann. Stat. 52, 2613). Only its limit is valid: on skewed values
    it stops too early, so nothing here uses it for a verdict. Raises ValueError for n < 2, and unless rho is above 0."""
    _check_positive("rho", rho)
    mean, error = mean_and_error(values)
    weight = len(values) * rho**2
    radius = error * math.sqrt(2 * (weight + 1) / weight * math.log(math.sqrt(weight + 1) / alpha))
    return Interval(mean - radius, mean + radius, "asymptotic sequence", ("n is large for the skewness",))


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value} weighs the mixture; expected a number above 0")
