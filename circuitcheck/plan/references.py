"""What a plan refers to: a model that is somewhere in memory, a task that renders prompts, the clean run."""

from dataclasses import dataclass
from typing import Any, Protocol

CLEAN = "clean"


@dataclass(frozen=True)
class ModelRef:
    """Which model: how to load it again (`spec`, `dtype`, `bos`) and the digest that it must then have."""

    spec: str
    fingerprint: str
    dtype: str
    bos: str

    def __str__(self) -> str:
        return self.spec


class PromptSource(Protocol):
    """A task, as far as a plan needs to know it: pure data with a digest. `prompts` renders it for a tokenizer."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def origin(self) -> str: ...
    def size(self, tokenizer: Any, stream: str) -> int: ...
    def prompts(self, tokenizer: Any, *, seed: int, stream: str, rows: range) -> Any: ...
