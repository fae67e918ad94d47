"""Where an interval lies beside its threshold, drawn on a scale of its own: geometry without a canvas."""

import math
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 400, 16
_ROOM = 1.12  # beside what is farthest out
_FARTHEST = 4  # times the distance of the estimate: what lies beyond is cut off
_MARGIN = 1.3  # times the margin, so that its ends are seen
_OPPOSITE = {"<": ">", "<=": ">", ">": "<", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Scale:
    """The numbers at the two ends of a strip. The threshold lies in the middle; where there is none, 0 at the left."""

    left: float
    right: float
    target: float

    def share(self, value: float) -> float:
        """How far from the left end to the right; what lies beyond an end is put there."""
        return (min(max(value, self.left), self.right) - self.left) / (self.right - self.left)

    def x(self, value: float) -> int:
        return round(WIDTH * self.share(value))


@dataclass(frozen=True)
class Strip:
    """Horizontal places on a strip: of the claimed regions (x, width), the threshold, the interval, the estimate, if it is
    of this interval; and at which ends the interval goes on."""

    regions: tuple[tuple[int, int], ...]
    target: int
    low: int
    high: int
    estimate: int | None
    cut_low: bool
    cut_high: bool


def scale_of(comparison: dict[str, Any]) -> Scale | None:
    """None where there is nothing to draw. Numbers that a float cannot tell apart, or hold, are nothing to draw."""
    estimate, relation = comparison["estimate"], comparison["relation"]
    if estimate is None or comparison["threshold"] is None:
        return None
    target = 0.0 if relation.startswith("all ") else comparison["threshold"]
    margin = _MARGIN * abs(comparison["margin"] or 0)
    ends = [end for _, low, high in comparison["looks"] for end in (low, high)] + [*comparison["ci"], estimate]
    farthest = max([abs(end - target) for end in ends if end is not None] + [margin])
    near = _FARTHEST * max(abs(estimate - target), margin)
    reach = _ROOM * (min(farthest, near) or farthest or 1.0)
    left = target - (reach / 12 if relation.startswith("all ") else reach)
    if not (math.isfinite(left) and math.isfinite(target + reach) and left < target < target + reach):
        return None
    return Scale(left, target + reach, target) if math.isfinite(2 * reach) else None


def strip_of(
    scale: Scale, comparison: dict[str, Any], low: float | None, high: float | None, estimate: float | None, denied: bool
) -> Strip:
    """`low` and `high` are None where the interval has no end there."""
    places = [(scale.x(start), scale.x(end)) for start, end in regions(scale, comparison, denied)]
    return Strip(
        regions=tuple((start, end - start) for start, end in places),
        target=scale.x(scale.target),
        low=0 if low is None else scale.x(low),
        high=WIDTH if high is None else scale.x(high),
        estimate=None if estimate is None else scale.x(estimate),
        cut_low=low is None or low < scale.left,
        cut_high=high is None or high > scale.right,
    )


def regions(scale: Scale, comparison: dict[str, Any], denied: bool) -> list[tuple[float, float]]:
    """Where the claim says that the value lies; nowhere for `forall`, whose scale is that of a rate."""
    relation, target = comparison["relation"], comparison["threshold"]
    if relation.startswith("all "):
        return []
    margin = abs(comparison["margin"] or 0)
    low, high = (scale.left, target - margin), (target + margin, scale.right)
    places = {"<": [low], "<=": [low], ">": [high], ">=": [high], "==": [(low[1], high[0])], "!=": [low, high]}
    return places[_OPPOSITE[relation] if denied else relation]
