"""What is kept in memory because it may be asked for again: as long as its owner, or so many bytes at most, of which the
least recently used go first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LeastRecentlyUsed(Generic[Key, Value]):
    """`size_of` says how many bytes a value takes. Nothing goes before `trim` is called."""

    def __init__(self, budget: int, size_of: Callable[[Value], int]) -> None:
        self.budget, self._size_of = budget, size_of
        self._held: OrderedDict[Key, Value] = OrderedDict()
        self.bytes = 0

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, key: Key) -> Value:
        self._held.move_to_end(key)
        return self._held[key]

    def __setitem__(self, key: Key, value: Value) -> None:
        self._forget(key)
        self._held[key] = value
        self.bytes += self._size_of(value)

    def trim(self, keep: int = 0) -> None:
        """Let go until the rest is within the budget; the last `keep` stay. Called where nobody is in the middle of using
        them."""
        while self.bytes > self.budget and len(self._held) > keep:
            self._forget(next(iter(self._held)))

    def drop(self, gone: Callable[[Key], bool]) -> None:
        """Let go of every key that is `gone`."""
        for key in [key for key in self._held if gone(key)]:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        if key in self._held:
            self.bytes -= self._size_of(self._held.pop(key))


def made_once(made: dict[Hashable, Any], key: Hashable, make: Callable[[], Value]) -> Value:
    """What `made` holds by `key`, made where it holds nothing yet."""
    if key not in made:
        made[key] = make()
    found: Value = made[key]
    return found
