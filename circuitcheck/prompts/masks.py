"""Prompts of a source that were chosen by measuring them: a list of indices."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from circuitcheck.digest import Digested, digest
from circuitcheck.errors import BadTask, NotComparable
from circuitcheck.prompts.base import ChosenPrompts
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.source import PromptSource, SourceFacts
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted


@dataclass(frozen=True)
class Mask:
    """The prompts `kept` of the first `considered` of `population` in a stream."""

    stream: str
    kept: tuple[int, ...]
    considered: int
    population: int


@dataclass(frozen=True)
class MaskedSource(ChosenPrompts):
    """The prompts that `masks` leave of `base`, under one `seed`, for tokenizers that give `base` this shape; the first mask
    is of the stream that claims are judged on. `considered` prompts were asked for of each stream. `condition` says in words
    why prompts were kept, and `asked` is what tells conditions apart."""

    base: PromptSource
    seed: int
    made_for: str
    masks: tuple[Mask, ...]
    considered: int
    condition: str
    asked: tuple[str | float | None, ...]
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digest", digest(("masked", (self.base.digest, *self.asked, self.considered))))

    __hash__ = Digested.__hash__

    @property
    def name(self) -> str:
        return f"{self.base.name} where {self.condition}"

    @cached_property
    def facts(self) -> SourceFacts:
        found = self.base.facts
        whole = found.is_population and self.masks[0].considered == self.masks[0].population
        return replace(found, second_cluster=None, is_population=whole, flags=(*found.flags, self._chosen))

    def count(self, stream: str) -> int:
        return len(self._kept(stream))

    def replaces(self, tokenizer: Tokenizer, stream: str) -> bool:
        """Raises BadTask for a stream that was not filtered (means may use the reference stream as it is), NotComparable for
        a tokenizer with other prompts."""
        if stream == "reference":
            return False
        if all(stream != mask.stream for mask in self.masks):
            done = " and ".join(mask.stream for mask in self.masks)
            raise BadTask(f"task {self.name!r} was filtered on its {done} stream: filter its {stream} stream itself.")
        if self.base.shape(tokenizer) != self.made_for:
            raise NotComparable(
                f"task {self.name!r} was filtered with other prompts than {tokenizer.name} has: task.for_models()."
            )
        return True

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:
        rows = range(min(n, self.size(tokenizer, stream)))
        return len({label.template for label in self.labels(tokenizer, seed=self.seed, stream=stream, rows=rows)})

    def chosen_prompts(self, tokenizer: Tokenizer, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        own = (self.base.prompts(tokenizer, seed=seed, stream=stream, rows=each) for each in self._at(rows, seed, stream))
        return tuple(prompt for (prompt,) in own)

    def chosen_labels(self, tokenizer: Tokenizer, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        own = (self.base.labels(tokenizer, seed=seed, stream=stream, rows=each) for each in self._at(rows, seed, stream))
        return tuple(label for (label,) in own)

    def explain(self, tokenizer: Tokenizer) -> object:
        return f"{super().explain(tokenizer)}\n  {self._chosen}"

    @property
    def _chosen(self) -> str:
        of = self.masks[0]
        return (
            f"prompts were chosen: {len(of.kept)} of {of.considered} ({len(of.kept) / of.considered:.0%}) have "
            f"{self.condition}; the claim is about such prompts only"
        )

    def _kept(self, stream: str) -> tuple[int, ...]:
        return next(mask.kept for mask in self.masks if mask.stream == stream)

    def _at(self, rows: range, seed: int, stream: str) -> list[range]:
        """Where these rows stand among the base's own."""
        if seed != self.seed:
            raise BadTask(
                f"task {self.name!r} was filtered under seed {self.seed}, and is asked for seed {seed}: filter it again."
            )
        kept = self._kept(stream)
        if rows and not (rows.start >= 0 and rows.stop <= len(kept)):
            raise BadTask(f"task {self.name!r} has {counted(len(kept), 'prompt')} in its {stream} stream, not {rows.stop}.")
        return [range(kept[row], kept[row] + 1) for row in rows]
