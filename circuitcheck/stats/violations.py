"""Rare violations: how many prompts would show them, and what one tells."""

import math


def violations_found(rate: float, error: float) -> int:
    """The fewest prompts of which one violates with probability 1 - `error` at least, where a share `rate` of all do: the n
    with (1 - rate)^n <= error. Raises ValueError unless both are in (0, 1)."""
    if not 0 < rate < 1 or not 0 < error < 1:
        raise ValueError(f"rate={rate}, error={error}: expected numbers between 0 and 1")
    return math.ceil(math.log(error) / math.log1p(-rate))


def violation_bounds(n: int, tail: float) -> tuple[float, float]:
    """Bounds of the share that violates, each missed with probability `tail` at most, where prompt `n` was the first that
    did (the geometric distribution inverted; Clopper & Pearson's argument). Raises ValueError for n below 1."""
    if n < 1:
        raise ValueError(f"n={n}: the first violation is at prompt 1 or later")
    low = -math.expm1(math.log1p(-tail) / n)
    high = 1.0 if n == 1 else -math.expm1(math.log(tail) / (n - 1))
    return low, high
