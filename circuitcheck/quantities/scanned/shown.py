"""What a scan gives out of a feature: examples, a histogram, how often two fire together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_AROUND = 12  # tokens on either side, in words


@dataclass(frozen=True)
class Example:
    """A token on which a feature has a large activation, `value`: token `place` of the text `tokens` that the model read
    with it, at which the feature has the `activations`. It is the token `position`, from 0, of document number `document`,
    from 1 as results name them; None where a file of another tool does not say."""

    value: float
    tokens: tuple[str, ...]
    activations: tuple[float, ...]
    place: int
    document: int | None = None
    position: int | None = None

    @property
    def token(self) -> str:
        """The text of the token itself, white space before it included."""
        return self.tokens[self.place]

    @property
    def text(self) -> str:
        """All that the model read with it."""
        return "".join(self.tokens)

    def around(self, count: int = _AROUND) -> range:
        """Which of `tokens` are at most `count` from the token itself."""
        return range(max(0, self.place - count), min(len(self.tokens), self.place + count + 1))

    def __str__(self) -> str:
        near = self.around()
        words = (f"[[{self.tokens[i]}]]" if i == self.place else self.tokens[i] for i in near)
        where = "" if self.document is None else f" in document {self.document}, token {self.position}"
        return f"{self.value:.4g}{where}: {' '.join(''.join(words).split())}"


@dataclass(frozen=True, eq=False)
class Histogram:
    """`counts` [80] of the tokens on which a feature fires, by the size of its activation: bin i holds sizes from `edges[i]`
    to below `edges[i + 1]`, ten bins to a decade from 0.0001 to 10,000; what is beyond is in the first and the last."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def bars(self) -> tuple[tuple[float, int], ...]:
        """(middle of the bin on a scale of logarithms, count), from the first bin to the last that is not empty."""
        occupied = np.flatnonzero(self.counts)
        if not len(occupied):
            return ()
        bins = range(int(occupied[0]), int(occupied[-1]) + 1)
        return tuple((math.sqrt(self.edges[i] * self.edges[i + 1]), int(self.counts[i])) for i in bins)

    def __str__(self) -> str:
        return ", ".join(f"{middle:.3g}: {count:,}" for middle, count in self.bars) or "never fires"


@dataclass(frozen=True)
class Cofiring:
    """Of `tokens`, those on which `both` of two features fire, and the `first` and the `second`. `numbers` are theirs."""

    numbers: tuple[int, int]
    both: int
    first: int
    second: int
    tokens: int

    @property
    def rate(self) -> float:
        """The share of tokens on which both fire."""
        return self.both / self.tokens

    @property
    def by_chance(self) -> float:
        """The share on which both would fire if they knew nothing of each other."""
        return self.first * self.second / self.tokens**2

    @property
    def lift(self) -> float:
        """How many times as often as by chance; NaN where one of them never fires."""
        return self.rate / self.by_chance if self.by_chance else math.nan

    def __str__(self) -> str:
        first, second = self.numbers
        return (
            f"{first} and {second} fire together on {self.both:,} of {self.tokens:,} tokens, {self.lift:.3g} times as often "
            f"as by chance ({self.first:,} and {self.second:,} alone)"
        )


def halves(effects: Sequence[tuple[str, float]]) -> tuple[tuple[tuple[str, float], ...], tuple[tuple[str, float], ...]]:
    """Tokens that are promoted, most first, and suppressed, most first."""
    ordered = sorted(((str(token), float(effect)) for token, effect in effects), key=lambda each: -each[1])
    return tuple(each for each in ordered if each[1] > 0), tuple(each for each in reversed(ordered) if each[1] < 0)
