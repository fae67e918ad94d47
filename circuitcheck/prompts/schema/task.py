"""A task as data: templates with slots, pools that fill them, and what counts as the answer."""

from dataclasses import dataclass, field
from functools import cached_property

from circuitcheck.digest import Digested, digest
from circuitcheck.prompts.schema.constraints import Constraint
from circuitcheck.prompts.schema.template import Template

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
class TaskSchema(Digested):
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

    Nothing is checked here; a `TaskDefinition` is a schema whose parts fit together.
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

    def __post_init__(self) -> None:
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

    def slots_of(self, template: Template) -> dict[str, str]:
        """The variable that each slot of this template holds."""
        held = dict(self.slots) | template.own_slots()
        return {slot: held.get(slot, slot) for slot in template.slot_names()}
