"""A task as data: templates with slots, pools that fill them, and what counts as the answer."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from circuitcheck.digest import digest
from circuitcheck.plan import MeanBy
from circuitcheck.prompts.constraints import Constraint
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.source import Digested
from circuitcheck.prompts.template import Template
from circuitcheck.prompts.tokenizer import Tokenizer

if TYPE_CHECKING:
    from circuitcheck.prompts.explanation import Explanation

END = "END"


@dataclass(frozen=True)
class Pool:
    """Words that can stand for each other. Where `groups` divides them, the items of one prompt come from one group."""

    name: str
    items: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...] = field(default=(), metadata={"digest": "if set"})


@dataclass(frozen=True)
class Derived:
    """`variable` holds what the value of `source` becomes."""

    variable: str
    source: str
    becomes: tuple[tuple[str, str], ...]

    @cached_property
    def mapping(self) -> dict[str, str]:
        return dict(self.becomes)


@dataclass(frozen=True)
class TaskDefinition(Digested):
    """`variables` maps a variable to the pool it draws from; variables of one pool always differ from each other. `derived`
    variables follow from others. `slots` maps a template's slots to variables, unless a template has its own for them.
    `counterfactuals` maps a name to the slots it changes, and each to another slot or a variable; a variable that no clean
    slot uses is drawn afresh for it. `answer`, `distractor` and `candidates` are variables, and continue the prompt after
    `answer_prefix`.

    `tokens` says how many tokens a slot's text has (None: any, but items of one prompt alike); slots that it does not name
    have one. `answer_tokens` says the same of answers, distractors and candidates. `chat` puts prompts through the
    tokenizer's chat template.

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
    distractor: str | None
    counterfactuals: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    second_cluster: str | None = field(default=None, metadata={"digest": False})
    pairs: tuple[str, ...] = field(default=(), metadata={"digest": False})
    derived: tuple[Derived, ...] = field(default=(), metadata={"digest": "if set"})
    constraints: tuple[Constraint, ...] = field(default=(), metadata={"digest": "if set"})
    candidates: tuple[str, ...] = field(default=(), metadata={"digest": "if set"})
    tokens: tuple[tuple[str, int | None], ...] = field(default=(), metadata={"digest": "if set"})
    answer_tokens: int | None = field(default=1, metadata={"digest": "if set"})
    answer_prefix: str = field(default=" ", metadata={"digest": "if set"})
    chat: bool = field(default=False, metadata={"digest": "if set"})
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    mean_by: ClassVar[MeanBy] = "template"

    def __post_init__(self) -> None:
        from circuitcheck.prompts.validation import check_task

        check_task(self)
        object.__setattr__(self, "_digest", digest(self))

    __hash__ = Digested.__hash__

    @property
    def positions(self) -> tuple[str, ...]:
        """Names of the positions that every prompt of this task has."""
        shared = set.intersection(*(set(template.slot_names()) for template in self.templates))
        ordered = dict.fromkeys((*(slot for slot, _ in self.slots), *self.templates[0].slot_names()))
        return (*(slot for slot in ordered if slot in shared), END)

    @property
    def counterfactual_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.counterfactuals)

    @property
    def has_units(self) -> bool:
        """Do several prompts count as one?"""
        return bool(self.pairs)

    @property
    def has_distractor(self) -> bool:
        return self.distractor is not None

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:  # noqa: ARG002 - the call of every source
        """How many templates `n` prompts come from."""
        return min(n, len(self.templates))

    def slots_of(self, template: Template) -> dict[str, str]:
        """The variable that each slot of this template holds."""
        held = dict(self.slots) | template.own_slots()
        return {slot: held.get(slot, slot) for slot in template.slot_names()}

    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        """How many different prompts `stream` has for this tokenizer, in balanced rounds over the templates."""
        from circuitcheck.prompts.realised import realise

        return realise(self, tokenizer).size(stream)

    def shape(self, tokenizer: Tokenizer) -> str:
        """A digest of what this tokenizer leaves of the pools: tokenizers with one shape make the same prompts."""
        from circuitcheck.prompts.realised import realise

        return realise(self, tokenizer).shape

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        """Prompts `rows` of a stream. Raises EmptyPool, or BadTask for a prompt that this tokenizer breaks."""
        from circuitcheck.prompts.realised import realise

        return realise(self, tokenizer).prompts(rows, seed=seed, stream=stream)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        """Which clusters prompts `rows` of a stream belong to; nothing is tokenized for it."""
        from circuitcheck.prompts.realised import realise

        realised = realise(self, tokenizer)
        return tuple(realised.labels(index, seed=seed, stream=stream) for index in rows)

    def explain(self, tokenizer: Tokenizer) -> "Explanation":
        """What this tokenizer leaves of the task, and why; also where it leaves nothing."""
        from circuitcheck.prompts.explanation import explain

        return explain(self, tokenizer)
