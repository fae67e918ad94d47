"""Where prompts come from: templates, a file of records, running text, or prompts chosen of these."""

from dataclasses import dataclass
from typing import Literal, Protocol

from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.tokenizer import Tokenizer

MeanBy = Literal["template", "tokens"]


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source before a tokenizer is there.

    Of its prompts: the `positions` and `counterfactuals` that each has, and whether it has a distractor; a mean is taken
    `mean_by` each template, or over all tokens. How they are judged: `groups` is the word for what they are grouped by;
    `second_cluster` names what they are also grouped by; where it `has_sampling_units`, several prompts count as one;
    where it `is_population`, the test stream holds all that a claim is about, and measuring all of it gives an exact
    value. `rows_share_texts` says that rows are tokens of texts, and may be read from one run of their text; `is_local` that
    a function of this process chose them, whose digest means nothing to another. For readers: `division` says how many rows
    of a file went to which stream, `flags` how prompts were chosen. Where nothing says which template a prompt is of, it
    does not have `names_templates`.
    """

    positions: tuple[str, ...]
    counterfactuals: tuple[str, ...] = ()
    has_distractor: bool = False
    mean_by: MeanBy = "template"
    groups: str = "templates"
    names_templates: bool = True
    second_cluster: str | None = None
    has_sampling_units: bool = False
    is_population: bool = False
    rows_share_texts: bool = False
    is_local: bool = False
    division: str = ""
    flags: tuple[str, ...] = ()


class PromptSource(Protocol):
    """Plain data with a digest. `base.py` holds what sources share."""

    def __hash__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def origin(self) -> str:
        """The digest of the source whose reference stream this one's means are taken over."""
        ...

    @property
    def facts(self) -> SourceFacts: ...
    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        """How many different prompts a stream has for this tokenizer."""
        ...

    def shape(self, tokenizer: Tokenizer) -> str:
        """A key: tokenizers for which it is equal make the same prompts, though with other tokens."""
        ...

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:
        """How many groups the first `n` prompts of a stream come from, at most."""
        ...

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        """Prompts `rows` of a stream. Raises BadTask beyond its size, or for a prompt that this tokenizer breaks."""
        ...

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        """Which clusters prompts `rows` of a stream belong to; nothing is tokenized for it."""
        ...

    def explain(self, tokenizer: Tokenizer) -> object:
        """What this tokenizer leaves of the source, and why."""
        ...
