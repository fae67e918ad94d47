"""What prompts need of a tokenizer; engines provide it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Encoding:
    """Token ids, and for each the characters [start, end) of the text that it stands for ((0, 0) for a BOS)."""

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


class Tokenizer(Protocol):
    """Hashable by identity. `name` and `fingerprint` appear in errors and digests."""

    def __hash__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...

    def encode(self, text: str) -> Encoding:
        """A prompt, with the BOS that the model's policy asks for. Raises BadTask if the text already starts with one."""
        ...

    def word(self, text: str) -> tuple[int, ...]:
        """Ids of a piece of running text, never with a BOS."""
        ...
