"""What sources of prompts share: those that are realised for a tokenizer, and those that choose prompts of another."""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Protocol

from circuitcheck.digest import Digested
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.source import PromptSource, SourceFacts
from circuitcheck.prompts.tokenizer import Tokenizer


class Realised(Protocol):
    """A source as one tokenizer's prompts."""

    def __hash__(self) -> int: ...

    @property
    def shape(self) -> str: ...
    def size(self, stream: str) -> int: ...
    def groups(self, stream: str) -> int: ...
    def prompts(self, rows: range, *, seed: int, stream: str) -> tuple[Prompt, ...]: ...
    def labels(self, rows: range, *, seed: int, stream: str) -> tuple[Labels, ...]: ...


class SourceBase(Digested, ABC):
    """A source that is made into prompts for each tokenizer (`realised`), and answers from these."""

    @abstractmethod
    def realised(self, tokenizer: Tokenizer) -> Realised: ...

    @property
    def origin(self) -> str:
        return self.digest

    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        return self.realised(tokenizer).size(stream)

    def shape(self, tokenizer: Tokenizer) -> str:
        return self.realised(tokenizer).shape

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:
        return min(n, self.realised(tokenizer).groups(stream))

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        return self.realised(tokenizer).prompts(rows, seed=seed, stream=stream)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        return _labels(self.realised(tokenizer), rows, seed, stream)


@lru_cache(maxsize=32)
def _labels(realised: Realised, rows: range, seed: int, stream: str) -> tuple[Labels, ...]:
    """A question asks for them several times, and questions of one task for the same."""
    return realised.labels(rows, seed=seed, stream=stream)


class ChosenPrompts(Digested, ABC):
    """Chosen prompts of `base` in place of some of its streams. Its other streams are the base's own: means are not taken
    over chosen prompts."""

    base: PromptSource

    @property
    @abstractmethod
    def facts(self) -> SourceFacts: ...

    @abstractmethod
    def count(self, stream: str) -> int:
        """How many were chosen of a stream."""

    @abstractmethod
    def replaces(self, tokenizer: Tokenizer, stream: str) -> bool:
        """Are the chosen prompts those of this stream?"""

    @abstractmethod
    def chosen_prompts(self, tokenizer: Tokenizer, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]: ...

    @abstractmethod
    def chosen_labels(self, tokenizer: Tokenizer, seed: int, stream: str, rows: range) -> tuple[Labels, ...]: ...

    @property
    def origin(self) -> str:
        return self.base.origin

    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        return self.count(stream) if self.replaces(tokenizer, stream) else self.base.size(tokenizer, stream)

    def shape(self, tokenizer: Tokenizer) -> str:
        return self.base.shape(tokenizer)

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        if not self.replaces(tokenizer, stream):
            return self.base.prompts(tokenizer, seed=seed, stream=stream, rows=rows)
        return self.chosen_prompts(tokenizer, seed, stream, rows)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        if not self.replaces(tokenizer, stream):
            return self.base.labels(tokenizer, seed=seed, stream=stream, rows=rows)
        return self.chosen_labels(tokenizer, seed, stream, rows)

    def explain(self, tokenizer: Tokenizer) -> object:
        return self.base.explain(tokenizer)
