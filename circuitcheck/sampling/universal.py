"""It holds on every prompt, or here is one on which it does not: what a search says."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitcheck.sampling.decision import INCONCLUSIVE, REFUTED, SUPPORTED, Decision
from circuitcheck.sampling.estimands import Values
from circuitcheck.sampling.regions import Region
from circuitcheck.stats import violation_bounds, violations_found


@dataclass(frozen=True)
class Searched:
    """[prompt]: does it violate the comparison; is it so near that the machine's noise decides; is it no finite number?"""

    violated: NDArray[np.bool_]
    near: NDArray[np.bool_]
    undefined: NDArray[np.bool_]


def searched(numbers: Values, region: Region, noise: float) -> Searched:
    """`noise` is what the machine adds to one prompt's number at worst."""
    depth = np.array([region.contradiction(number) for number in numbers])
    undefined = np.isnan(numbers)
    outside = np.array([not region.holds(number) for number in numbers], bool)
    near = (np.abs(depth) <= noise) & (noise > 0)
    return Searched(outside & ~near & ~undefined, near & ~undefined, undefined)


@dataclass(frozen=True)
class Search:
    """The rule: a share of at most `rate` violates. `prompts` are the most to search, None for as many as that takes;
    there are `population`, which the claim is about where it `is_population`. `groups` is the word for what prompts are
    grouped by."""

    rate: float
    confidence: float
    prompts: int | None
    population: int
    is_population: bool
    groups: str

    @property
    def tail(self) -> float:
        return (1 - self.confidence) / 2

    @property
    def enough(self) -> int:
        """Independent prompts without a violation that show the rate."""
        return violations_found(self.rate, self.tail)

    @property
    def budget(self) -> int:
        return self.population if self.prompts is None else min(self.population, self.prompts)

    def refuted(self, n: int | None, trials: int) -> Decision:
        """By the last of `n` prompts, of which `trials` are independent; None: by one that was stored. A unit shows no more
        than its prompts, and no less than one of them."""
        if n is None:
            return self._decision(REFUTED, 1, math.nan, (math.nan, math.nan), "a counterexample")
        ends = violation_bounds(n, self.tail)[0], violation_bounds(trials, self.tail)[1]
        return self._decision(REFUTED, n, 1 / n, ends, "a counterexample")

    def unfalsified(self, n: int, near: int, undefined: int, trials: int) -> Decision:
        """Of `n` prompts none violates; `near` are too near to tell, and `undefined` gave no number."""
        census = n == self.population and self.is_population
        high = 0.0 if census else -math.expm1(math.log(self.tail) / trials)
        what = "prompts" if trials == n else f"{self.groups} ({n} prompts)"
        reason = ""
        if undefined:
            reason = f"{undefined} of {n} prompts gave a value that is no finite number: neither a violation nor none"
        elif near:
            reason = f"{near} of {n} prompts are so near the threshold that the machine's own noise decides about them"
        elif high > self.rate:
            limit = "there are no more prompts" if n == self.population else "raise prompts="
            reason = (
                f"no violation in {trials} {what} shows a rate below {high:.2g}; {self.rate:g} takes {self.enough}: {limit}"
            )
        verdict = INCONCLUSIVE if reason else SUPPORTED
        method = (
            f"every one of the {n} prompts that the claim is about"
            if census
            else f"no violation in {trials} {what}: P(violation) <= {high:.2g}"
        )
        return replace(self._decision(verdict, n, 0.0, (0.0, high), method), reason=reason, census=census)

    def _decision(self, verdict: str, n: int, estimate: float, ends: tuple[float, float], method: str) -> Decision:
        return Decision(
            verdict=verdict,
            reason="",
            estimate=estimate,
            low=ends[0],
            high=ends[1],
            method=f"P(violation), {method}",
            confidence=self.confidence,
            n=n,
            looks=((n, *ends),),
            n_more=(),
            warnings=(),
            census=False,
            words=method,
        )


def decide_search(numbers: Values, region: Region, noise: float, rule: Search, trials: Callable[[int], int]) -> Decision:
    """What the numbers of all prompts that were searched say; of the first n, `trials(n)` are independent."""
    found, n = searched(numbers, region, noise), len(numbers)
    if found.violated.any():
        at = int(np.argmax(found.violated)) + 1
        return rule.refuted(at, trials(at))
    return rule.unfalsified(n, int(found.near.sum()), int(found.undefined.sum()), trials(n))
