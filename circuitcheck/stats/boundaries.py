"""Group-sequential boundaries: how far the evidence must reach at each look so that all looks together err at most alpha."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_NODES = 240


@dataclass(frozen=True)
class Boundary:
    """Critical values |Z_k| >= z[k] at sample sizes looks[k], and the tail Phi(-z[k]) that each amounts to."""

    looks: tuple[int, ...]
    z: tuple[float, ...]
    tails: tuple[float, ...]
    name: str


@lru_cache(maxsize=256)
def kim_demets(looks: tuple[int, ...], alpha: float, rho: float = 0.5) -> Boundary:
    """Two-sided boundary that has spent alpha * (n_k / n_max)^rho by look k (Kim & DeMets 1987, Biometrika 74, 149).

    Raises ValueError unless `looks` is increasing and positive.
    """
    from scipy import special

    if not looks or any(later <= earlier for earlier, later in zip((0, *looks), looks, strict=False)):
        raise ValueError(f"looks must be positive and increasing, got {looks}")
    spent = [alpha * (n / looks[-1]) ** rho for n in looks]
    z = _critical_values(np.asarray(looks, float) / looks[-1], np.diff([0.0, *spent]))
    return Boundary(looks, z, tuple(float(special.ndtr(-c)) for c in z), f"Kim-DeMets rho={rho:g}")


def _critical_values(times: NDArray[np.float64], spend: NDArray[np.float64]) -> tuple[float, ...]:
    """The recursion of Armitage, McPherson & Rowe (1969): the density of the sum that has crossed no boundary yet."""
    from scipy import optimize

    nodes, weights = np.array([0.0]), np.array([1.0])
    critical, before = [], 0.0
    for time, share in zip(times, spend, strict=True):
        step = np.sqrt(time - before)
        bound = float(optimize.brentq(_overspent, 0.0, 12.0, args=(nodes, weights, step, share), xtol=1e-12))
        points, quadrature = _gauss_legendre(-bound, bound)
        density = np.exp(-0.5 * ((points[:, None] - nodes) / step) ** 2) / (step * np.sqrt(2 * np.pi))
        nodes, weights = points, quadrature * (density @ weights)
        critical.append(bound / np.sqrt(time))
        before = time
    return tuple(float(c) for c in critical)


def _overspent(bound: float, nodes: NDArray[np.float64], weights: NDArray[np.float64], step: float, share: float) -> float:
    from scipy import special

    return 2 * float(weights @ special.ndtr((nodes - bound) / step)) - share


def _gauss_legendre(low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    return (high - low) / 2 * points + (high + low) / 2, (high - low) / 2 * weights
