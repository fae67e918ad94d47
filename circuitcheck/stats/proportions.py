"""Exact intervals for a proportion. `alpha` is the error of both sides together, e.g. 0.05 for a 95% interval."""

from circuitcheck.stats.interval import Interval


def clopper_pearson(successes: int, n: int, alpha: float) -> Interval:
    """The exact interval for one fixed sample (Clopper & Pearson 1934): each tail misses at most alpha / 2."""
    from scipy import special

    _check_counts(successes, n)
    low = 0.0 if successes == 0 else float(special.betaincinv(successes, n - successes + 1, alpha / 2))
    high = 1.0 if successes == n else float(special.betaincinv(successes + 1, n - successes, 1 - alpha / 2))
    return Interval(low, high, "Clopper-Pearson")


def _check_counts(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is impossible; expected 0 <= successes <= n")
