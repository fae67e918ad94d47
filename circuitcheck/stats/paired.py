"""Exact tests and intervals for the difference of two 0/1 measurements of the same prompts."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from circuitcheck.stats.interval import Interval

_COARSE, _FINE = 16, 9  # shares of differing prompts that are tried: over their range, and around the worst of them
_LEFT_OUT = 1e-6  # how probable it is, at most, that the true share lies outside that range; every p has it added
_PRECISION = 1e-5  # of the ends of an interval


def paired_p(surplus: int, differing: int, n: int, difference: float) -> float:
    """How probable, at most, so much evidence for a mean difference above `difference` is where it is `difference`.

    Of `n` prompts `differing` differ, and `surplus` is by how many the first measurement is ahead. An exact unconditional
    test (Hsueh, Liu & Chen 2001, Biometrics 57, 478): the statistic is (surplus - n difference) / its standard deviation at
    that share of differing prompts, its distribution trinomial, and the worst is taken of all shares of differing prompts
    in an interval that holds the true one (Berger & Boos 1994, J. Am. Stat. Assoc. 89, 1012).
    Raises ValueError for counts that cannot be.
    """
    if not abs(surplus) <= differing <= n or (surplus + differing) % 2:
        raise ValueError(f"{differing} of {n} prompts differ with a surplus of {surplus}: that cannot be")
    if not -1 <= difference < 1:
        return 0.0 if difference < -1 else 1.0
    return _worst(surplus, differing, n, float(difference))


@lru_cache(maxsize=256)
def paired_interval(surplus: int, differing: int, n: int, tail: float) -> Interval:
    """The mean differences that `paired_p` does not exclude at `tail` on either side."""
    low = _end(surplus, differing, n, tail)
    high = -_end(-surplus, differing, n, tail)
    return Interval(low, high, "exact paired difference")


@lru_cache(maxsize=4096)
def _worst(surplus: int, differing: int, n: int, difference: float) -> float:
    ahead = surplus - n * difference
    if ahead <= 0:
        return 1.0
    spread = float(_spread(np.array([differing]), n, difference)[0])
    z = ahead / spread if spread > 0 else math.inf
    low, high = _plausible(differing, n, abs(difference))
    shares = np.linspace(math.sqrt(low), math.sqrt(high), _COARSE)
    found = _reached(z, n, difference, shares**2)
    at = int(found.argmax())
    near = np.linspace(shares[max(at - 1, 0)], shares[min(at + 1, _COARSE - 1)], _FINE)
    return float(min(1.0, max(found[at], _reached(z, n, difference, near**2).max()) + _LEFT_OUT))


def _plausible(differing: int, n: int, least: float) -> tuple[float, float]:
    """Shares of differing prompts that these do not exclude, and that the difference allows."""
    from scipy import special

    tail = _LEFT_OUT / 2
    low = 0.0 if differing == 0 else float(special.betaincinv(differing, n - differing + 1, tail))
    high = 1.0 if differing == n else float(special.betaincinv(differing + 1, n - differing, 1 - tail))
    least = max(least, 1e-9)
    return max(low, least), max(high, least)


def _reached(z: float, n: int, difference: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """[share]: how probable a statistic of `z` or more is where that share of prompts differs."""
    from scipy import special

    counts = _likely(n, float(shares.min()), float(shares.max()))
    spread = _spread(counts, n, difference)
    with np.errstate(invalid="ignore"):
        least = n * difference + np.maximum(np.where(spread > 0, z * spread, 0.0), 1e-6)
    wins = np.ceil((counts + least) / 2 - 1e-9)  # of so many that differ, the first must be ahead on this many
    theta = np.clip((shares + difference) / (2 * shares), 0.0, 1.0)[:, None]
    lost = np.where(np.isfinite(wins), np.clip(wins - 1, 0, n), 0)
    enough = np.where(wins <= 0, 1.0, np.where(wins > counts, 0.0, special.bdtrc(lost, np.maximum(counts, 1), theta)))
    share = shares[:, None]
    ways = special.gammaln(n + 1) - special.gammaln(counts + 1) - special.gammaln(n - counts + 1)
    mass = np.exp(ways + special.xlogy(counts, share) + special.xlog1py(n - counts, -share))
    total: NDArray[np.float64] = (mass * enough).sum(axis=1)
    return total


def _likely(n: int, low: float, high: float) -> NDArray[np.int_]:
    """Counts of differing prompts of which none outside has a probability that matters, 1e-15 in all."""
    first = n * low - 8 * math.sqrt(n * low * (1 - low)) - 32
    last = n * high + 8 * math.sqrt(n * high * (1 - high)) + 32
    return np.arange(max(0, math.floor(first)), min(n, math.ceil(last)) + 1)


def _spread(differing: NDArray[np.int_], n: int, difference: float) -> NDArray[np.float64]:
    """Standard deviation of the surplus where so many prompts differ; at least |difference| of all prompts must."""
    spread: NDArray[np.float64] = np.sqrt(np.maximum(differing, n * abs(difference)) - n * difference**2)
    return spread


def _end(surplus: int, differing: int, n: int, tail: float) -> float:
    """The largest difference, going up from -1, that is shown to be exceeded; -1 where none is."""
    mean, step = surplus / n, 2 * (3 * math.sqrt(differing + 1) + 3) / n
    below, above = max(-1.0, mean - step), mean
    while below > -1 and paired_p(surplus, differing, n, below) > tail:
        below, above = max(-1.0, below - step), below
    if below == -1 and paired_p(surplus, differing, n, below) > tail:
        return below
    while above - below > _PRECISION:
        middle = (below + above) / 2
        below, above = (middle, above) if paired_p(surplus, differing, n, middle) <= tail else (below, middle)
    return below
