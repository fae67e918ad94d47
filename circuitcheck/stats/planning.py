"""How many prompts more a decision would take."""

import math

CAP = 20  # beyond 20 times the pilot, the pilot's own noise rules the answer: its 90th percentile is 27 times the truth


def prompts_needed(distance: float, spread: float, critical: float, power: float, n: int) -> int | None:
    """Prompts beyond the `n` measured until a mean `distance` from its threshold is decided with probability `power`.

    `spread` is the standard deviation per prompt, `critical` the z value of the last look. None: more than `CAP` * n,
    that is, too close to the threshold to plan from this sample.
    """
    from scipy import special

    if not math.isfinite(distance) or distance == 0 or not spread > 0:
        return None
    total = ((critical + float(special.ndtri(power))) * spread / distance) ** 2
    if total > CAP * n:
        return None
    return max(1, math.ceil(total) - n)


def power_factor(critical: float, power: float) -> float:
    """How many times its own radius at `critical` an interval's centre must be away for a decision with `power`."""
    from scipy import special

    return (critical + float(special.ndtri(power))) / critical
