"""A task as data: templates with slots, pools that fill them, and what counts as the answer."""

import string
from dataclasses import dataclass, field

from circuitcheck.digest import digest
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.tokenizer import Tokenizer

END = "END"


@dataclass(frozen=True)
class Template:
    """`text` names slots in braces: `"When {IO} and {S1} met, {S2} waved at"`."""

    id: str
    text: str

    def parts(self) -> list[tuple[str, str | None]]:
        """(literal text, slot that follows it or None) in order. Raises ValueError for braces that do not match."""
        parts = list(string.Formatter().parse(self.text))
        for _, slot, form, conversion in parts:
            if form or conversion:
                raise ValueError(f"slot {slot!r} asks for a format, and slots hold words as they are")
        return [(literal, slot) for literal, slot, _, _ in parts]

    def slots(self) -> tuple[str, ...]:
        return tuple(slot for _, slot in self.parts() if slot is not None)


@dataclass(frozen=True)
class Pool:
    """Words that can stand for each other; only those that are one token after a space are used."""

    name: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class TaskDefinition:
    """`variables` maps a variable to the pool it draws from; variables of one pool always differ from each other.
    `slots` maps a template's slots to variables. `counterfactuals` maps a name to the slots it changes; a variable that
    no clean slot uses is drawn afresh for it. `answer` and `distractor` are variables.

    How prompts are judged, and not what they are: `second_cluster` is a variable whose values are a sample, as templates
    are, where a claim is about new templates; prompts with the same values of `pairs`, in whatever order, and of everything
    else, count as one.

    Raises BadTask for parts that do not fit together.
    """

    name: str
    templates: tuple[Template, ...]
    pools: tuple[Pool, ...]
    variables: tuple[tuple[str, str], ...]
    slots: tuple[tuple[str, str], ...]
    answer: str
    distractor: str
    counterfactuals: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    second_cluster: str | None = field(default=None, metadata={"digest": False})
    pairs: tuple[str, ...] = field(default=(), metadata={"digest": False})
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        from circuitcheck.prompts.validation import check_task

        check_task(self)
        object.__setattr__(self, "_digest", digest(self))

    @property
    def digest(self) -> str:
        return self._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    @property
    def positions(self) -> tuple[str, ...]:
        """Names of the positions that every prompt of this task has."""
        shared = set.intersection(*(set(template.slots()) for template in self.templates))
        return (*(slot for slot, _ in self.slots if slot in shared), END)

    @property
    def counterfactual_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.counterfactuals)

    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        """How many different prompts `stream` has for this tokenizer, in balanced rounds over the templates."""
        from circuitcheck.prompts.rendering import realise

        return realise(self, tokenizer).size(stream)

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        """Prompts `rows` of a stream. Raises EmptyPool, or BadTask for a prompt that this tokenizer breaks."""
        from circuitcheck.prompts.rendering import realise

        realised = realise(self, tokenizer)
        return tuple(realised.prompt(index, seed=seed, stream=stream) for index in rows)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        """Which clusters prompts `rows` of a stream belong to; nothing is tokenized for it."""
        from circuitcheck.prompts.rendering import realise

        realised = realise(self, tokenizer)
        return tuple(realised.labels(index, seed=seed, stream=stream) for index in rows)
