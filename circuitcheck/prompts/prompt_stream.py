"""The prompts that something is measured on: of one task, of one of its streams, in the order of one seed."""

from dataclasses import dataclass, field, replace

from circuitcheck.errors import BadTask
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.source import PromptSource
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted, printable


@dataclass(frozen=True)
class PromptStream:
    """Quantities of one task, stream and seed share rows. `chosen`: somebody named the stream; else a look outside of a
    claim goes to other prompts than claims are judged on."""

    task: PromptSource
    stream: str
    seed: int
    chosen: bool = field(default=True, compare=False, metadata={"digest": False})

    @property
    def key(self) -> tuple[str, str, int]:
        """The same for the same prompts, also in another process."""
        return (self.task.digest, self.stream, self.seed)

    def other(self, stream: str, seed: int | None = None) -> "PromptStream":
        """Another stream of the same task, in the order of another seed where one is named."""
        return replace(self, stream=stream, seed=self.seed if seed is None else seed, chosen=True)

    def to_look_at(self) -> "PromptStream":
        """Where a look goes that is no claim."""
        return self if self.chosen or self.is_population else self.other("discovery")

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know of how these prompts were chosen."""
        return self.task.facts.flags

    @property
    def is_population(self) -> bool:
        """Are they all the prompts that there are, so that measuring them gives an exact value?"""
        return self.task.facts.is_population

    def size(self, tokenizer: Tokenizer) -> int:
        """How many different prompts there are for this tokenizer."""
        return self.task.size(tokenizer, self.stream)

    def too_few(self, there: int, wanted: int) -> BadTask:
        """The error where more prompts are `wanted` than are `there`."""
        return BadTask(
            f"task {self.task.name!r} has {counted(there, 'prompt')} in its {self.stream} stream, not {wanted:,}: ask for "
            f"{there:,} at most, or give it more (task.explain(model) says what went to which stream)."
        )

    def prompts(self, tokenizer: Tokenizer, rows: range) -> tuple[Prompt, ...]:
        """Prompts `rows`. Raises BadTask beyond the stream's size, or for a prompt that this tokenizer breaks."""
        return self.task.prompts(tokenizer, seed=self.seed, stream=self.stream, rows=rows)

    def labels(self, tokenizer: Tokenizer, rows: range) -> tuple[Labels, ...]:
        """Which clusters prompts `rows` belong to."""
        return self.task.labels(tokenizer, seed=self.seed, stream=self.stream, rows=rows)

    def count_groups(self, tokenizer: Tokenizer, n: int) -> int:
        """How many groups the first `n` prompts come from, at most."""
        return self.task.count_groups(tokenizer, self.stream, n)

    def __str__(self) -> str:
        return printable(f"{self.task.name}, {self.stream} stream, seed {self.seed}")
