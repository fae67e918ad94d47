"""Many claims at once: adjusted p-values and e-values."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values [claim]: below alpha, all of them together err with probability at most alpha (Holm 1979, Scand. J.
    Stat. 6, 65): the k-th smallest of m is multiplied by m - k + 1, and is no smaller than those before it."""
    given = _probabilities(p)
    order = np.argsort(given)
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values [claim] for the false discovery rate of independent or positively dependent claims (1995)."""
    return _false_discovery(p, "bh")


def benjamini_yekutieli(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values [claim] for the false discovery rate under any dependence (2001)."""
    return _false_discovery(p, "by")


def e_bh(e: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which claims [claim] to keep at false discovery rate alpha, under any dependence and early stopping: the k largest
    e-values, for the largest k whose k-th is at least m / (alpha k) (Wang & Ramdas 2022, J. R. Stat. Soc. B 84, 822).

    The e-values are those at stopping, never their running maximum. Raises ValueError for negative ones or NaN.
    """
    values = np.asarray(e, float)
    if values.ndim != 1 or np.isnan(values).any() or (values < 0).any():
        raise ValueError(f"e-values are numbers from 0 to infinity, one for each claim; got {e!r}")
    m = len(values)
    ordered = np.sort(values)[::-1]
    passing = np.flatnonzero(ordered >= m / (alpha * np.arange(1, m + 1)))
    return values >= ordered[passing[-1]] if len(passing) else np.zeros(m, bool)


def e_value_of(p: float) -> float:
    """A p-value as an e-value: (1 - p + p ln p) / (p (ln p)^2) (Vovk & Wang 2021, Ann. Stat. 49, 1736).

    Raises ValueError for what is no probability.
    """
    given = float(_probabilities([p])[0])
    if given == 0:
        return math.inf
    if given > 1 - 1e-4:  # the formula is 0 / 0 at 1; its expansion there
        return 0.5 + (1 - given) / 6
    log = math.log(given)
    return (1 - given + given * log) / (given * log**2)


def _false_discovery(p: ArrayLike, method: Literal["bh", "by"]) -> NDArray[np.float64]:
    from scipy import stats

    given = _probabilities(p)
    adjusted: NDArray[np.float64] = stats.false_discovery_control(given, method=method) if len(given) else given
    return adjusted


def _probabilities(p: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(p, float)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"p-values are numbers from 0 to 1, one for each claim; got {p!r}")
    return given


def part_of_try(k: int) -> float:
    """The part of an error that the k-th of any number of tries may take: 6 / (pi k)^2, which add up to 1."""
    return 6 / (math.pi * k) ** 2
