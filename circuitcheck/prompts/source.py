"""Where prompts come from: templates, a file of records, running text. All answer these calls."""

from typing import Protocol

from circuitcheck.plan import MeanBy
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.tokenizer import Tokenizer


class Digested:
    """What most sources share: `_digest` is set when they are made, and tells them apart. (A dataclass makes a hash of
    its own unless its class names one: `__hash__ = Digested.__hash__`.)"""

    _digest: str

    @property
    def groups(self) -> str:
        return "templates"

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def origin(self) -> str:
        return self._digest

    @property
    def complete(self) -> bool:
        return False

    def division(self) -> str:
        return ""

    @property
    def flags(self) -> tuple[str, ...]:
        return ()

    def __hash__(self) -> int:
        return hash(self._digest)


class PromptSource(Protocol):
    """Pure data with a digest. `groups` is the word for what prompts are grouped by: templates, documents."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def origin(self) -> str:
        """The digest of the source whose reference stream this one's means are taken over."""
        ...

    @property
    def positions(self) -> tuple[str, ...]: ...
    @property
    def counterfactual_names(self) -> tuple[str, ...]: ...
    @property
    def groups(self) -> str: ...
    @property
    def complete(self) -> bool:
        """Does the test stream hold all that a claim is about, so that measuring all of it gives an exact value?"""
        ...

    def division(self) -> str:
        """Of a file: how many of its rows went to which stream, in words; empty for other sources."""
        ...

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know of how these prompts were chosen."""
        ...

    @property
    def has_units(self) -> bool:
        """Do several prompts count as one?"""
        ...

    @property
    def second_cluster(self) -> str | None: ...
    @property
    def has_distractor(self) -> bool: ...
    @property
    def mean_by(self) -> MeanBy:
        """What a mean over this source is taken by: each `template`, or over all `tokens`."""
        ...

    def __hash__(self) -> int: ...
    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:
        """How many groups the first `n` prompts of a stream come from, at most."""
        ...

    def size(self, tokenizer: Tokenizer, stream: str) -> int: ...
    def shape(self, tokenizer: Tokenizer) -> str:
        """Tokenizers with one shape make the same prompts, token counts aside."""
        ...

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]: ...
    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]: ...
    def explain(self, tokenizer: Tokenizer) -> object: ...
