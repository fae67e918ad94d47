"""What no sample of real values can exclude: a few prompts that are unlike any seen."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Where 0.5, 1 or 5% of all prompts lie 50, 30 or 10 standard deviations away, 49, 37 and 12% of claims on their threshold
# are supported by samples that show none of these. Of those verdicts an average within 20 standard deviations would overturn
# 99, 100 and 100% (within 15: 95, 98 and 100%); of wrong ones on lognormal(1) denominators 100% (within 15: 88%).
FAR = 20.0


@dataclass(frozen=True)
class Unseen:
    """Up to `share` of the prompts (or of the templates: `what`) may be unlike any of the `n` that were seen, with their
    mean `value`, standard deviation `spread` and ends `low` and `high`. A verdict falls if these average beyond `beyond`,
    on the scale of the estimate; None where there is no verdict. `reach`: the ends of what such a number can be, as far
    as its own runs tell."""

    share: float
    beyond: float | None
    what: str
    n: int
    value: float
    spread: float
    low: float
    high: float
    tail: float
    reach: tuple[float, float] | None = None

    @property
    def fragile(self) -> bool:
        """Would prompts overturn it that are not outlandish: within `FAR` standard deviations, or within reach?"""
        if self.beyond is None:
            return False
        return abs(self.beyond - self.value) <= FAR * self.spread or self._within_reach

    def describe(self) -> str:
        seen = f"up to {100 * self.share:.2g}% of the {self.what} may be unlike any of these {self.n}"
        if self.beyond is None:
            return seen
        side = "above" if self.beyond > self.value else "below"
        found = (
            f"{seen}: the verdict falls if those average {side} {self.beyond:.3g} (these lie between {self.low:.3g} and "
            f"{self.high:.3g})"
        )
        if self._within_reach and self.reach is not None:
            found += f", which is within reach: its own runs give {self.reach[0]:.3g} to {self.reach[1]:.3g}"
        if not self.fragile:
            return found
        more = f"{self.what}" if self.what != "prompts" else f"prompts, {self._enough} or more (--circuit-first-look)"
        return f"{found}. More {more} would put that out of reach"

    @property
    def _within_reach(self) -> bool:
        return self.beyond is not None and self.reach is not None and self.reach[0] <= self.beyond <= self.reach[1]

    @property
    def _enough(self) -> int:
        """The n from which on the same distance from the threshold would take values that are out of reach."""
        assert self.beyond is not None
        distance = abs(self.beyond - self.value) * self.share
        limit = FAR * self.spread
        if self.reach is not None:
            limit = max(limit, (self.reach[1] if self.beyond > self.value else self.reach[0]) - self.value, key=abs)
        share = min(distance / abs(limit), 0.999)
        return math.floor(math.log(self.tail) / math.log1p(-share)) + 1


def unseen_of(values: NDArray[np.float64], what: str, edges: tuple[float, ...], alpha: float) -> Unseen:
    """Of n values, the largest share u that n draws may all have missed, (1 - u)^n = alpha / 2, and what that share must
    average to carry the mean to the nearest of `edges`: mean + (edge - mean) / u."""
    n, value = len(values), float(values.mean())
    share = float(1 - (alpha / 2) ** (1 / n))
    nearest = min(edges, key=lambda each: abs(each - value), default=None)
    beyond = None if nearest is None else value + (nearest - value) / share
    return Unseen(share, beyond, what, n, value, float(values.std()), float(values.min()), float(values.max()), alpha / 2)
