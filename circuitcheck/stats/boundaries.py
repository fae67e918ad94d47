"""Group-sequential boundaries: how far the evidence must reach at each look so that all looks together err at most alpha."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

_NODES = 240
_FAR = 12.0


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

    Raises ValueError unless `looks` is increasing and positive and alpha lies in (0, 1).
    """
    from scipy import optimize

    _check(looks, alpha)
    spent = [alpha * (n / looks[-1]) ** rho for n in looks]
    walk, bounds = _Walk(), []
    for time, share in zip(_times(looks), np.diff([0.0, *spent]), strict=True):
        bound = float(optimize.brentq(walk.overspent, 0.0, _FAR, args=(time, share), xtol=1e-12))
        bounds.append(bound / math.sqrt(time))
        walk = walk.step(time, bound)
    return _boundary(looks, bounds, f"Kim-DeMets rho={rho:g}")


def crossing_probabilities(looks: tuple[int, ...], z: tuple[float, ...]) -> tuple[float, ...]:
    """P(|Z_j| >= z[j] for some j <= k) for each look k where the mean is 0: the recursion of Armitage, McPherson & Rowe
    (1969, J. R. Stat. Soc. A 132, 235). Raises ValueError for looks and critical values that do not go together."""
    _check(looks, 0.5)
    if len(z) != len(looks) or min(z) < 0:
        raise ValueError(f"{len(looks)} looks need as many critical values, none below 0; got {z}")
    walk, total, found = _Walk(), 0.0, []
    for time, critical in zip(_times(looks), z, strict=True):
        bound = critical * math.sqrt(time)
        total += walk.crossing(time, bound)
        found.append(total)
        walk = walk.step(time, bound)
    return tuple(found)


class _Walk:
    """The density of the sum that has crossed no boundary yet, on quadrature nodes, at one time of [0, 1]."""

    def __init__(self, time: float = 0.0, nodes: NDArray[np.float64] | None = None, mass: NDArray[np.float64] | None = None):
        self._time = time
        self._nodes = np.array([0.0]) if nodes is None else nodes
        self._mass = np.array([1.0]) if mass is None else mass

    def crossing(self, time: float, bound: float) -> float:
        """Probability of lying beyond +-bound at `time`."""
        from scipy import special

        step = math.sqrt(time - self._time)
        beyond = special.ndtr((self._nodes - bound) / step) + special.ndtr((-self._nodes - bound) / step)
        return float(self._mass @ beyond)

    def overspent(self, bound: float, time: float, share: float) -> float:
        return self.crossing(time, bound) - share

    def step(self, time: float, bound: float) -> "_Walk":
        step = math.sqrt(time - self._time)
        points, weights = _quadrature()
        density = np.exp(-0.5 * ((bound * points[:, None] - self._nodes) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        return _Walk(time, bound * points, bound * weights * (density @ self._mass))


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    return points, weights


def _shaped(looks: tuple[int, ...], alpha: float, height: Callable[[int], float], name: str) -> Boundary:
    from scipy import optimize

    _check(looks, alpha)
    shape = [height(n) for n in looks]

    def excess(constant: float) -> float:
        return crossing_probabilities(looks, tuple(constant * each for each in shape))[-1] - alpha

    constant = float(optimize.brentq(excess, 1e-6, _FAR, xtol=1e-12))
    return _boundary(looks, [constant * each for each in shape], name)


def _boundary(looks: tuple[int, ...], z: list[float], name: str) -> Boundary:
    from scipy import special

    return Boundary(looks, tuple(z), tuple(float(special.ndtr(-each)) for each in z), name)


def _times(looks: tuple[int, ...]) -> Iterator[float]:
    return (n / looks[-1] for n in looks)


def _check(looks: tuple[int, ...], alpha: float) -> None:
    if not looks or any(later <= earlier for earlier, later in zip((0, *looks), looks, strict=False)):
        raise ValueError(f"looks must be positive and increasing, got {looks}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha} is outside (0, 1); 0.05 is usual")
