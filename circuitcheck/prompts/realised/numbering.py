"""Combinations by number: which values the variables of a prompt have, as a mixed-radix number."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from circuitcheck.errors import BadTask
from circuitcheck.prompts.realised.survivors import Classes

Allowed = Callable[[Mapping[str, str]], bool]
_LARGEST_TABLE = 500_000
_MOST_TRIED = 1_500_000  # values that constraints are asked about: some seconds


class Block(Protocol):
    """Variables that are drawn together."""

    @property
    def count(self) -> int: ...
    def values(self, number: int) -> dict[str, str]: ...


@dataclass(frozen=True)
class PoolBlock:
    """Variables of one pool: different items of one class."""

    variables: tuple[str, ...]
    classes: Classes

    @property
    def count(self) -> int:
        return sum(math.perm(len(items), len(self.variables)) for items in self.classes)

    def values(self, number: int) -> dict[str, str]:
        for items in self.classes:
            size = math.perm(len(items), len(self.variables))
            if number < size:
                break
            number -= size
        left = list(items)
        values = {}
        for variable in self.variables:
            number, digit = divmod(number, len(left))
            values[variable] = left.pop(digit)
        return values


@dataclass(frozen=True)
class TableBlock:
    """Variables that constraints tie together: every combination that they allow, listed."""

    rows: tuple[Mapping[str, str], ...]

    @property
    def count(self) -> int:
        return len(self.rows)

    def values(self, number: int) -> dict[str, str]:
        return dict(self.rows[number])


def table_of(blocks: list[PoolBlock], allowed: Allowed, complete: Allowed, what: str) -> TableBlock:
    """The combinations of `blocks` that are `allowed`, which is asked as soon as each variable has a value, and can be
    made `complete` in the end.

    Raises BadTask for tables too large to list.
    """
    rows: list[Mapping[str, str]] = []
    ask = _some_times(allowed, what)
    variables = [(variable, block) for block in blocks for variable in block.variables]

    def extend(values: dict[str, str], chosen: dict[int, tuple[str, ...]], depth: int) -> None:
        if depth == len(variables):
            if complete(values):
                rows.append(dict(values))
            if len(rows) > _LARGEST_TABLE:
                raise BadTask(f"{what} allow more than {_LARGEST_TABLE:,} combinations: use smaller pools.")
            return
        variable, block = variables[depth]
        for items in (chosen[id(block)],) if id(block) in chosen else block.classes:
            taken = {values[name] for name in block.variables if name in values}
            for item in items:
                if item not in taken:
                    values[variable] = item
                    if ask(values):
                        extend(values, {**chosen, id(block): items}, depth + 1)
                    del values[variable]

    extend({}, {}, 0)
    return TableBlock(tuple(rows))


def _some_times(allowed: Allowed, what: str) -> Allowed:
    """The same, until it was asked too often. Raises BadTask then."""
    left = iter(range(_MOST_TRIED))

    def ask(values: Mapping[str, str]) -> bool:
        if next(left, None) is None:
            raise BadTask(f"{what} would have to be asked of more than {_MOST_TRIED:,} values: use smaller pools.")
        return allowed(values)

    return ask


def total(blocks: tuple[Block, ...]) -> int:
    return math.prod(block.count for block in blocks)


def combination_values(blocks: tuple[Block, ...], number: int) -> dict[str, str]:
    values: dict[str, str] = {}
    for block in blocks:
        number, part = divmod(number, block.count)
        values |= block.values(part)
    return values
