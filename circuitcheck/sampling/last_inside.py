"""The end of an interval that is known by what it excludes."""

import math
from collections.abc import Callable

_STEPS = 60


def last_inside(beyond: Callable[[float], float], start: float, step: float, *, continuous: bool) -> float:
    """The last number on the way from `start`, to the side of `step`, at which `beyond` is not above 0; infinite where it
    is above 0 nowhere. A `continuous` one is found in a third of the calls."""
    inside, outside = start, start + step
    for _ in range(_STEPS):
        if beyond(outside) > 0:
            break
        step *= 2
        inside, outside = outside, start + step
    else:
        return math.copysign(math.inf, step)
    if continuous:
        inside, outside = _around_root(beyond, inside, outside)
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if middle in (inside, outside):  # no number lies between
            break
        inside, outside = (inside, middle) if beyond(middle) > 0 else (middle, outside)
    return inside


def _around_root(beyond: Callable[[float], float], inside: float, outside: float) -> tuple[float, float]:
    """The same end between two numbers that are close together."""
    from scipy import optimize

    width = 2 * math.ulp(max(abs(inside), abs(outside)))
    root = optimize.brentq(beyond, inside, outside, xtol=width, rtol=1e-15, maxiter=_STEPS, disp=False)
    while True:
        away = math.copysign(width, outside - inside)
        near, far = (_within(each, inside, outside) for each in (root - away, root + away))
        if (near == inside or beyond(near) <= 0) and (far == outside or beyond(far) > 0):
            return near, far
        width *= 8


def _within(value: float, one: float, other: float) -> float:
    return min(max(value, min(one, other)), max(one, other))
