"""Values that agree: a sample without spread says nothing about prompts that differ."""

import numpy as np
from numpy.typing import NDArray

_NEED, _OTHERS = 64, 5


def most_alike(values: NDArray[np.float64], tolerance: float) -> int:
    """How many of the values lie within `tolerance` of each other, at most."""
    ordered = np.sort(values)
    return int((np.searchsorted(ordered, ordered + tolerance, side="right") - np.arange(len(values))).max())


def _shown(value: float, tolerance: float) -> str:
    return "0" if abs(value) <= tolerance else f"{value:.6g}"


def too_alike(values: NDArray[np.float64], tolerance: float, alpha: float) -> str | None:
    """Why these values give no verdict, or None. Where more than half agree, all spread comes from the others; with five
    of those and 64 values at least, no mixture of equal and exponential values gave false support beyond 1.1%."""
    n, alike = len(values), most_alike(values, tolerance)
    if alike == n:
        share = 1 - (alpha / 2) ** (1 / n)
        return (
            f"all {n} values are equal ({_shown(values[0], tolerance)}), which says nothing of prompts that differ: up to "
            f"{share:.2g} of all may, by any amount. Ask cc.forall(...), which says how rare they are, or declare the "
            f"metric's support"
        )
    if alike > n / 2 and (n < _NEED or n - alike < _OTHERS):
        return (
            f"{alike} of {n} values are equal, and the others alone tell how far prompts differ: that needs {_NEED} prompts "
            f"with {_OTHERS} others among them"
        )
    return None
