"""Intervals for the mean of values that come in clusters, such as prompts of a template, and what clustering costs."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitcheck.stats.interval import Interval


@dataclass(frozen=True)
class DesignEffect:
    """`factor` times as many values are needed as if they were independent: 1 + (mean_size - 1) icc."""

    icc: float
    mean_size: float
    factor: float


def clustered_t(values: NDArray[np.float64], labels: ArrayLike, tail: float) -> Interval:
    """The interval for the mean of `values` [n] whose clusters `labels` [n] are a sample of clusters: the variance is taken
    between clusters (Liang & Zeger 1986), t with clusters - 1 degrees of freedom. With clusters of one size this is
    Student's t on the cluster means. Raises ValueError for fewer than two clusters.
    """
    codes = _codes(labels, len(values))
    return _t(values, _variance(values, codes), _count(codes) - 1, tail, "t on clusters")


def two_way_t(values: NDArray[np.float64], first: ArrayLike, second: ArrayLike, tail: float) -> Interval:
    """The same for two crossed clusterings (Cameron, Gelbach & Miller 2011, J. Bus. Econ. Stat. 29, 238):
    V = V_first + V_second - V_both, t with min(G, H) - 1 degrees of freedom. Where V is not positive the larger
    of the two stands in. Raises ValueError for fewer than two clusters of either kind.
    """
    one, two = _codes(first, len(values)), _codes(second, len(values))
    variance = _variance(values, np.column_stack([one, two]))
    if variance <= 0:
        variance = max(_variance(values, one), _variance(values, two))
    freedom = min(_count(one), _count(two)) - 1
    return _t(values, variance, freedom, tail, "two-way t on clusters")


def design_effect(values: NDArray[np.float64], labels: ArrayLike) -> DesignEffect:
    """From the intraclass correlation of a one-way analysis of variance, cut to [0, 1] (Donner 1986).

    Raises ValueError for fewer than two clusters.
    """
    codes = _codes(labels, len(values))
    n, groups = len(values), _count(codes)
    sizes = np.bincount(codes)
    means = np.bincount(codes, values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (groups - 1)
    within = float(((values - means[codes]) ** 2).sum()) / (n - groups) if n > groups else 0.0
    usual = (n - float((sizes**2).sum()) / n) / (groups - 1)
    total = between + (usual - 1) * within
    icc = min(1.0, max(0.0, (between - within) / total)) if total > 0 and n > groups else 0.0
    return DesignEffect(icc, n / groups, 1 + (n / groups - 1) * icc)


def cluster_means(values: NDArray[np.float64], labels: ArrayLike) -> NDArray[np.float64]:
    """[cluster], in the order of the sorted labels."""
    codes = _codes(labels, len(values), least=1)
    means: NDArray[np.float64] = np.bincount(codes, values) / np.bincount(codes)
    return means


def _codes(labels: ArrayLike, n: int, least: int = 2) -> NDArray[np.intp]:
    """Labels as numbers from 0. Raises ValueError for labels of another length, or fewer than `least` clusters."""
    given = np.asarray(labels)
    if given.shape != (n,):
        raise ValueError(f"{n} values need as many cluster labels, got shape {given.shape}")
    codes: NDArray[np.intp] = np.unique(given, return_inverse=True)[1]
    if n == 0 or _count(codes) < least:
        raise ValueError(f"an interval between clusters needs at least {least} of them, got {len(np.unique(given))}")
    return codes


def _count(codes: NDArray[np.intp]) -> int:
    return int(codes.max()) + 1


def _variance(values: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """Of the mean; `codes` is [n], or [n, 2] for two clusterings, whose estimate can fall below 0."""
    from statsmodels.regression.linear_model import OLS

    fit = OLS(values, np.ones((len(values), 1))).fit(cov_type="cluster", cov_kwds={"groups": codes})
    return float(fit.cov_params()[0, 0])


def _t(values: NDArray[np.float64], variance: float, freedom: int, tail: float, method: str) -> Interval:
    from scipy import special

    mean = float(values.mean())
    radius = -float(special.stdtrit(freedom, tail)) * math.sqrt(variance)
    return Interval(mean - radius, mean + radius, f"{method}, df={freedom}", ("cluster means are near normal",))
