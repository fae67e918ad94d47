"""The rule that is fixed before the first prompt is drawn: when to look, and what each look may conclude."""

from dataclasses import dataclass

from circuitcheck.errors import BudgetTooSmall
from circuitcheck.stats import Boundary, kim_demets

# The error that may have been made by n of n_max prompts is alpha (n / n_max)^0.75. With the looks below, normal values .1,
# .2, .3, .5 and 1 standard deviations from their threshold take 421, 222, 117, 53 and 32 prompts on average; looks that
# double, at exponent 0.5, took 439, 250, 127, 54 and 32 at no more power (40,000 runs each).
SPENDING = 0.75


@dataclass(frozen=True)
class Level:
    """What one look may conclude. `tail`: error on each side for methods that need a boundary. `alpha`: error of both sides
    over all looks, for methods that are valid at every look by themselves; `part` of it falls to this look. `census`: all
    prompts that the claim is about are measured."""

    tail: float
    alpha: float
    part: float = 1.0
    census: bool = False

    @property
    def sequential(self) -> bool:
        return self.part < 1


@dataclass(frozen=True)
class Design:
    """Looks at `first`, 1.5, 2, 3, 4, 6, 8, ... times `first`, and at `maximum` prompts; at `confidence`, two-sided over all
    looks together.

    `population` is the number of prompts there are; where it is no larger than `maximum` the last look sees all of them,
    and if they are a `census` of what the claim is about, nothing is left to chance then. A refutation may take only the
    part `refuting` of the error, where several questions share it. Raises BudgetTooSmall, or ValueError for a confidence
    outside (0.5, 1).
    """

    confidence: float = 0.95
    first: int = 32
    maximum: int = 512
    population: int | None = None
    census: bool = False
    refuting: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence {self.confidence} is outside (0.5, 1); 0.95 is usual.")
        if self.first < 2 or (self.population is not None and self.population < 1):
            raise BudgetTooSmall(
                f"a first look at {self.first} prompts, of {self.population} there are, shows nothing: an interval needs 2."
            )
        if self.maximum < min(self.first, self.population or self.first):
            raise BudgetTooSmall(
                f"a budget of {self.maximum} prompts ends before the first look at {self.first}: allow at least "
                f"{self.first} (--circuit-samples, or samples= in the claim)."
            )

    @property
    def alpha(self) -> float:
        return 1 - self.confidence

    @property
    def looks(self) -> tuple[int, ...]:
        last = min(self.maximum, self.population or self.maximum)
        looks, n = [], self.first
        while n < last:
            looks += [each for each in (n, n + n // 2) if each < last]
            n *= 2
        return (*looks, last)

    def level(self, look: int) -> Level:
        """The level of look number `look`, from 0."""
        return self._level(look, self.alpha)

    def level_against(self, look: int) -> Level:
        """The level at which that look may refute."""
        return self._level(look, self.alpha * self.refuting)

    @property
    def last_critical(self) -> float:
        return self._boundary(self.alpha).z[-1]

    def _level(self, look: int, alpha: float) -> Level:
        looks = self.looks
        before = looks[look - 1] if look else 0
        part = (looks[look] / looks[-1]) ** SPENDING - (before / looks[-1]) ** SPENDING
        return Level(self._boundary(alpha).tails[look], alpha, part, census=self.census and looks[look] == self.population)

    def _boundary(self, alpha: float) -> Boundary:
        return kim_demets(self.looks, alpha, SPENDING)
