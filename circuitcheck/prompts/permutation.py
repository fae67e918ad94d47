"""A keyed permutation of range(n), evaluated one index at a time."""

import hashlib
from functools import lru_cache
from typing import Any

_ROUNDS = tuple(step.to_bytes(1, "big") for step in range(6))


def permute(index: int, n: int, key: str) -> int:
    """Where `index` goes under the permutation of range(n) that `key` picks.

    A balanced Feistel network on the next even number of bits, walked until it lands inside range(n) (Black & Rogaway
    2002): about four steps at worst on average, and no table. Raises ValueError unless 0 <= index < n.
    """
    if not 0 <= index < n:
        raise ValueError(f"index {index} is outside range({n})")
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    mask, keyed = (1 << half) - 1, _keyed(key)
    while True:
        left, right = index >> half, index & mask
        for step in _ROUNDS:  # written out: this is most of what a prompt costs
            mixer = keyed.copy()
            mixer.update(step + right.to_bytes(16, "big"))
            left, right = right, left ^ (int.from_bytes(mixer.digest(), "big") & mask)
        index = left << half | right
        if index < n:
            return index


def keyed_number(key: str, n: int) -> int:
    """A number in range(n) that depends on `key` alone (bias below n / 2**64)."""
    mixer = _keyed.__wrapped__(key)
    mixer.update(_ROUNDS[0] + bytes(16))
    return int.from_bytes(mixer.digest(), "big") % n


@lru_cache(maxsize=256)
def _keyed(key: str) -> Any:
    """A hash that has read its key: copying it is half the price of keying it again."""
    return hashlib.blake2b(key=hashlib.blake2b(key.encode(), digest_size=32).digest(), digest_size=8)
