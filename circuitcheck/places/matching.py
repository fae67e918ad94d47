"""Sets of heads, key/value heads or neurons that are like a given one: as many of each kind in each layer."""

import math
from dataclasses import dataclass
from itertools import groupby

from circuitcheck.errors import UnknownUnit
from circuitcheck.places.sites import Part, count_parts
from circuitcheck.places.units import Architecture


@dataclass(frozen=True)
class MatchedParts:
    """Every set with as many parts of each layer and kind as `claimed` (sorted, each once) has, the claimed set itself
    excluded, numbered from 0. Sets may share some parts with the claimed one.

    Raises UnknownUnit where there is no other set, or nobody knows how many neurons there are.
    """

    claimed: tuple[Part, ...]
    architecture: Architecture

    def __post_init__(self) -> None:
        if not self.claimed or self.count < 1:
            raise UnknownUnit(
                f"nothing else is like {', '.join(map(str, self.claimed)) or 'none'}: they are all there are of their "
                f"layers. Compare a smaller set."
            )

    @property
    def count(self) -> int:
        """How many there are; often more than `len` can say."""
        return math.prod(math.comb(there, len(numbers)) for _, there, numbers in self._groups()) - 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Part, ...]:
        """Raises IndexError beyond the last."""
        if not 0 <= number < self.count:
            raise IndexError(f"{number} is outside range({self.count})")
        return self._of(number + (number >= self._own_number()))

    def _of(self, number: int) -> tuple[Part, ...]:
        found: list[Part] = []
        for one, there, numbers in self._groups():
            number, digit = divmod(number, math.comb(there, len(numbers)))
            found += [Part(one.layer, one.index, each) for each in _combination(digit, len(numbers))]
        return tuple(found)

    def _own_number(self) -> int:
        number, radix = 0, 1
        for _, there, numbers in self._groups():
            number += radix * sum(math.comb(each, place) for place, each in enumerate(numbers, start=1))
            radix *= math.comb(there, len(numbers))
        return number

    def _groups(self) -> list[tuple[Part, int, list[int]]]:
        """For each layer and kind: one part of it, how many there are, and the numbers of the claimed ones."""
        found = []
        for (_, index), parts in groupby(self.claimed, lambda part: (part.layer, part.index)):
            members = list(parts)
            there = count_parts(index, self.architecture)
            if there is None:
                raise UnknownUnit(f"how many neurons this model has is not known, so none can be drawn for {members[0]}.")
            found.append((members[0], there, [part.number for part in members]))
        return found


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
