"""The rule that is fixed before the first prompt is drawn: when to look, and what each look may conclude."""

from dataclasses import dataclass

from circuitcheck.errors import BudgetTooSmall
from circuitcheck.stats import kim_demets


@dataclass(frozen=True)
class Level:
    """What one look may conclude. `tail`: error on each side for methods that need a boundary; `alpha`: error of both
    sides over all `looks`, for methods that are valid at every look by themselves. `exact`: the population is exhausted."""

    tail: float
    alpha: float
    looks: int = 1
    exact: bool = False

    @property
    def sequential(self) -> bool:
        return self.looks > 1


@dataclass(frozen=True)
class Design:
    """Looks at `first`, 2 `first`, 4 `first`, ... `maximum` prompts; at `confidence`, two-sided over all looks together.

    `population` is the number of prompts there are; where it is no larger than `maximum` the last look sees all of them,
    and if they are a `census` of what the claim is about, nothing is left to chance then. Raises BudgetTooSmall, or
    ValueError for a confidence outside (0.5, 1).
    """

    confidence: float = 0.95
    first: int = 32
    maximum: int = 512
    population: int | None = None
    census: bool = True

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
            looks.append(n)
            n *= 2
        return (*looks, last)

    def level(self, look: int) -> Level:
        """The level of look number `look`, from 0."""
        tail = kim_demets(self.looks, self.alpha).tails[look]
        return Level(tail, self.alpha, len(self.looks), self.census and self.looks[look] == self.population)

    @property
    def last_critical(self) -> float:
        return kim_demets(self.looks, self.alpha).z[-1]
