"""What prompts need of a tokenizer; engines provide it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Encoding:
    """Token ids, and for each the characters [start, end) of the text that it stands for ((0, 0) for a BOS)."""

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ChatFrame:
    """What a chat template puts `before` a user's message, and `between` it and the assistant's answer. `strips`: it takes
    white space away from the message's ends."""

    before: str
    between: str
    strips: bool


class Tokenizer(Protocol):
    """Hashable by identity. `name` and `fingerprint` appear in errors and digests; `unknown` is the id that stands for what
    the tokenizer cannot spell, None where it can spell all."""

    def __hash__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def unknown(self) -> int | None: ...
    @property
    def alike(self) -> Hashable:
        """Equal for tokenizers that give the same tokens to every text, and refuse the same texts."""
        ...

    def encode(self, text: str) -> Encoding:
        """A prompt, with the BOS that the model's policy asks for. Raises BadTask if the text already holds one."""
        ...

    def encode_many(self, texts: Sequence[str], *, chat: bool = False) -> list[Encoding]:
        """Several prompts at once, which is several times faster. Texts of a chat may hold the BOS."""
        ...

    def chat_frame(self) -> ChatFrame:
        """Without the BOS, where the policy adds one. Raises BadTask where there is no chat template."""
        ...

    def decode(self, ids: Sequence[int]) -> str: ...
