"""Prompts that somebody has in hand, as a source: every stream is these prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from circuitcheck.digest import Digested, digest
from circuitcheck.errors import BadTask
from circuitcheck.given import refuse_set
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.source import SourceFacts
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.text import counted, shown


@dataclass(frozen=True)
class GivenPrompts(Digested):
    """`given`, numbered from 0, whatever stream, seed and tokenizer. Nothing is drawn, so no claim is about them."""

    given: tuple[Prompt, ...]
    name: str = "given prompts"
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digest", digest(("given", tuple(each.tokens for each in self.given))))

    __hash__ = Digested.__hash__

    @property
    def origin(self) -> str:
        return self.digest

    @property
    def facts(self) -> SourceFacts:
        positions, counterfactuals = [each.positions for each in self.given], [each.counterfactuals for each in self.given]
        return SourceFacts(_in_all(positions), _in_all(counterfactuals))

    def size(self, tokenizer: Tokenizer, stream: str) -> int:  # noqa: ARG002 - the calls of every source
        return len(self.given)

    def shape(self, tokenizer: Tokenizer) -> str:  # noqa: ARG002
        return self.digest

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:  # noqa: ARG002
        return min(n, len(self.given))

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:  # noqa: ARG002
        return tuple(replace(self.given[index], index=index) for index in rows)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:  # noqa: ARG002
        return tuple(Labels(self.given[index].template, None, None) for index in rows)

    def explain(self, tokenizer: Tokenizer) -> object:  # noqa: ARG002
        return f"{counted(len(self.given), 'prompt')}"


def given_prompts(prompts: object, tokenizer: Tokenizer) -> GivenPrompts:
    """Of `Prompt`s, or of texts, whose last token is their END. Raises BadTask for what is neither, or nothing."""
    refuse_set("what is given as prompts", prompts, BadTask)
    found = [prompts] if isinstance(prompts, str | Prompt) else list(prompts) if hasattr(prompts, "__iter__") else []
    wrong = [each for each in found if not isinstance(each, str | Prompt)]
    if wrong or not found:
        raise BadTask(
            f"{shown(wrong[0] if wrong else prompts)} is no prompt; expected prompts, as of task.prompts(), or texts."
        )
    return GivenPrompts(tuple(_prompt_of(each, tokenizer) if isinstance(each, str) else each for each in found))


def _prompt_of(text: str, tokenizer: Tokenizer) -> Prompt:
    """Raises BadTask for a text without a token."""
    tokens = tokenizer.encode(text).ids
    if not tokens:
        raise BadTask(f"{text!r} has no token to read at.")
    end = {"END": (len(tokens) - 1,)}
    return Prompt(0, text, tokens, "", None, (), (), end, {}, "", {})


def _in_all(named: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """Names that every prompt has, in the order of the first."""
    first, *others = named
    return tuple(name for name in first if all(name in each for each in others))
