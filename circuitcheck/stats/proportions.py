"""Exact intervals for a proportion. `alpha` is the error of both sides together, e.g. 0.05 for a 95% interval."""

import math

from circuitcheck.stats.interval import Interval


def clopper_pearson(successes: int, n: int, alpha: float) -> Interval:
    """The exact interval for one fixed sample (Clopper & Pearson 1934): each tail misses at most alpha / 2."""
    from scipy import special

    _check_counts(successes, n)
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, n - successes + 1, alpha / 2))
    high = 1.0 if successes == n else float(special.betaincinv(successes + 1, n - successes, 1 - alpha / 2))
    return Interval(low, high, "Clopper-Pearson")


def beta_binomial_sequence(successes: int, n: int, alpha: float, *, a: float = 0.5, b: float = 0.5) -> Interval:
    """A confidence sequence: valid at every n at once, so looking early costs nothing.

    The mixture martingale E(p0) = B(a + S, b + n - S) / B(a, b) / (p0^S (1 - p0)^(n - S)) under a Beta(a, b) prior
    (Robbins 1970); the interval holds every p0 with E < 1 / alpha.
    """
    from scipy import optimize, special

    _check_counts(successes, n)
    failures = n - successes
    mixture = float(special.betaln(a + successes, b + failures) - special.betaln(a, b))
    limit = -math.log(alpha)

    def excess(p: float) -> float:
        return mixture - float(special.xlogy(successes, p) + special.xlog1py(failures, -p)) - limit

    peak = successes / n if n else 0.5
    low = 0.0 if excess(0.0) < 0 else float(optimize.brentq(excess, 0.0 if successes == 0 else 1e-300, peak))
    high = 1.0 if excess(1.0) < 0 else float(optimize.brentq(excess, peak, 1.0 if failures == 0 else 1 - 1e-16))
    return Interval(low, high, "beta-binomial sequence")


def _check_counts(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is impossible; expected 0 <= successes <= n")
