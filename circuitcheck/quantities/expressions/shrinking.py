"""From a prompt that violates a claim to the simplest one that does: the first template, the earliest items."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

from circuitcheck.prompts import TaskDefinition
from circuitcheck.prompts.cases import Case

Violates = Callable[[Sequence[Case]], Sequence[bool]]
_Rank = tuple[int, ...]  # of the template, then of each variable's item in its pool
_ROUNDS = 200


def shrink(case: Case, violates: Violates, possible: Callable[[Case], bool]) -> Case:
    """The simplest case that can be reached and still violates; cases are compared by template, then variable by variable.

    Big steps first, then one step after another for as long as they lead on.
    """
    ranks = _Ranks(case.task)

    def simplest(candidates: Iterable[_Rank], than: Case) -> Case:
        simpler = sorted({rank for rank in candidates if rank < ranks.of(than)})
        cases = [each for each in map(ranks.case, simpler) if possible(each)]
        found = zip(cases, violates(cases), strict=True)
        return next((each for each, bad in found if bad), than)

    current = simplest(_mostly_minimal(ranks, ranks.of(case)), case)
    for _ in range(_ROUNDS):
        before, current = current, simplest(_neighbours(ranks, ranks.of(current)), current)
        if current == before:
            break
    return current


def _mostly_minimal(ranks: "_Ranks", rank: _Rank) -> Iterator[_Rank]:
    """The simplest prompt of all, but for up to two variables that stay as they are."""
    for template in sorted({0, rank[0]}):
        for count in (0, 1, 2):
            for kept in combinations(range(len(rank) - 1), count):
                yield (template, *ranks.fill({place: rank[1 + place] for place in kept}))


def _neighbours(ranks: "_Ranks", rank: _Rank) -> Iterator[_Rank]:
    """Another template, another item for one variable, or two variables of a pool exchanged."""
    for template in range(rank[0]):
        yield (template, *rank[1:])
    for place in range(1, len(rank)):
        for item in range(rank[place]):
            yield (*rank[:place], item, *rank[place + 1 :])
    for one, other in combinations(range(1, len(rank)), 2):
        if ranks.same_pool(one - 1, other - 1):
            exchanged = list(rank)
            exchanged[one], exchanged[other] = rank[other], rank[one]
            yield tuple(exchanged)


class _Ranks:
    """Cases as tuples of numbers, and back."""

    def __init__(self, task: TaskDefinition) -> None:
        self._task = task
        self._templates = [template.id for template in task.templates]
        pools = {pool.name: pool.items for pool in task.pools}
        self._pools = [name for _, name in task.variables]
        self._items = [pools[name] for name in self._pools]

    def of(self, case: Case) -> _Rank:
        items = (items.index(value) for items, (_, value) in zip(self._items, case.values, strict=True))
        return (self._templates.index(case.template), *items)

    def case(self, rank: _Rank) -> Case:
        values = (
            (variable, items[number])
            for (variable, _), items, number in zip(self._task.variables, self._items, rank[1:], strict=True)
        )
        return Case(self._task, self._templates[rank[0]], tuple(values))

    def same_pool(self, one: int, other: int) -> bool:
        return self._pools[one] == self._pools[other]

    def fill(self, kept: dict[int, int]) -> tuple[int, ...]:
        """The earliest items that are left, variable by variable, beside those kept."""
        taken = {(self._pools[place], number) for place, number in kept.items()}
        filled = []
        for place, pool in enumerate(self._pools):
            number = kept.get(place)
            if number is None:
                number = next((each for each in range(len(self._items[place])) if (pool, each) not in taken), 0)
                taken.add((pool, number))
            filled.append(number)
        return tuple(filled)
