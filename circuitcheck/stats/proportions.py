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


def newcombe_paired(both: int, first: int, second: int, neither: int, alpha: float) -> Interval:
    """For the difference p1 - p2 of two 0/1 measurements of the same prompts, with p1 = (both + first) / n and
    p2 = (both + second) / n: method 10 of Newcombe (1998, Stat. Med. 17, 2635). Wilson limits of the two, joined with the
    correlation of the table, which has a continuity correction. Approximate, and good from a few prompts on.

    Raises ValueError for counts below 0 and for none at all.
    """
    n = both + first + second + neither
    if min(both, first, second, neither) < 0 or n == 0:
        raise ValueError(f"({both}, {first}, {second}, {neither}) is no table of paired outcomes")
    one, two = (both + first) / n, (both + second) / n
    (low1, high1), (low2, high2) = _wilson(both + first, n, alpha), _wilson(both + second, n, alpha)
    phi = _corrected_phi(both, first, second, neither)
    below = (one - low1) ** 2 - 2 * phi * (one - low1) * (high2 - two) + (high2 - two) ** 2
    above = (high1 - one) ** 2 - 2 * phi * (high1 - one) * (two - low2) + (two - low2) ** 2
    difference = (first - second) / n
    return Interval(
        max(-1.0, difference - math.sqrt(max(below, 0.0))),
        min(1.0, difference + math.sqrt(max(above, 0.0))),
        "Newcombe's method 10",
        ("prompts are independent",),
    )


def _wilson(successes: int, n: int, alpha: float) -> tuple[float, float]:
    from scipy import stats

    found = stats.binomtest(successes, n).proportion_ci(1 - alpha, method="wilson")
    return float(found.low), float(found.high)


def _corrected_phi(both: int, first: int, second: int, neither: int) -> float:
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    if margins == 0:
        return 0.0
    product = float(both * neither - first * second)
    if product > 0:
        product = max(product - (both + first + second + neither) / 2, 0.0)
    return product / math.sqrt(margins)


def _check_counts(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is impossible; expected 0 <= successes <= n")
