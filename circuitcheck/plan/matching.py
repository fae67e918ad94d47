"""Sets of heads that are like a given one: as many heads of each layer."""

import math
from dataclasses import dataclass
from itertools import groupby

from circuitcheck.errors import UnknownUnit
from circuitcheck.plan.units import Head


@dataclass(frozen=True)
class MatchedHeads:
    """Every set with as many heads of each layer as `claimed` (sorted, each once) has, the claimed set itself excluded,
    numbered from 0. Sets may share some heads with the claimed one.

    Raises UnknownUnit where there is no other set.
    """

    claimed: tuple[Head, ...]
    n_heads: int

    def __post_init__(self) -> None:
        if not self.claimed or self.count < 1:
            raise UnknownUnit(
                f"no other heads are like {', '.join(map(str, self.claimed)) or 'none'}: they are all {self.n_heads} heads "
                f"of their layers. Compare a smaller set."
            )

    @property
    def count(self) -> int:
        """How many there are; often more than `len` can say."""
        return math.prod(math.comb(self.n_heads, len(heads)) for _, heads in self._by_layer()) - 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Head, ...]:
        """Raises IndexError beyond the last."""
        if not 0 <= number < self.count:
            raise IndexError(f"{number} is outside range({self.count})")
        return self._of(number + (number >= self._own_number()))

    def _of(self, number: int) -> tuple[Head, ...]:
        found: list[Head] = []
        for layer, heads in self._by_layer():
            number, digit = divmod(number, math.comb(self.n_heads, len(heads)))
            found += [Head(layer, head) for head in _combination(digit, len(heads))]
        return tuple(found)

    def _own_number(self) -> int:
        number, radix = 0, 1
        for _, heads in self._by_layer():
            number += radix * sum(math.comb(head, place) for place, head in enumerate(heads, start=1))
            radix *= math.comb(self.n_heads, len(heads))
        return number

    def _by_layer(self) -> list[tuple[int, list[int]]]:
        return [(layer, [unit.head for unit in units]) for layer, units in groupby(self.claimed, lambda unit: unit.layer)]


def _combination(number: int, size: int) -> list[int]:
    """The combinatorial number system: `number` as comb(h_1, 1) + comb(h_2, 2) + ... with h_1 < h_2 < ..., ascending."""
    heads = []
    for place in range(size, 0, -1):
        head = place - 1
        while math.comb(head + 1, place) <= number:
            head += 1
        heads.append(head)
        number -= math.comb(head, place)
    return heads[::-1]
