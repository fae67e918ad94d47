"""A task as data: templates with slots, pools that fill them, and what counts as the answer."""

import string
from collections.abc import Collection
from dataclasses import dataclass, field

from circuitcheck.digest import digest
from circuitcheck.errors import BadTask
from circuitcheck.prompts.prompt import Prompt
from circuitcheck.prompts.tokenizer import Tokenizer

END = "END"


@dataclass(frozen=True)
class Template:
    """`text` names slots in braces: `"When {IO} and {S1} met, {S2} waved at"`."""

    id: str
    text: str

    def parts(self) -> list[tuple[str, str | None]]:
        """(literal text, slot that follows it or None) in order."""
        return [(literal, slot) for literal, slot, _, _ in string.Formatter().parse(self.text)]

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
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        _check(self)
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


def _check(task: TaskDefinition) -> None:
    pools, variables, slots = {pool.name for pool in task.pools}, dict(task.variables), dict(task.slots)
    if not task.templates:
        raise BadTask(f"task {task.name!r} has no templates.")
    for what, names in (("template ids", [template.id for template in task.templates]), ("pools", list(pools))):
        if len(names) != len(set(names)):
            raise BadTask(f"task {task.name!r} has two {what} of one name: {sorted(names)}.")
    for pool in task.pools:
        twice = sorted({item for item in pool.items if pool.items.count(item) > 1})
        if twice:
            raise BadTask(f"pool {pool.name!r} holds {', '.join(twice)} more than once: prompts would repeat.")
    for variable, pool_name in task.variables:
        _expect(task, f"variable {variable!r} draws from", pool_name, pools)
    for slot, variable in task.slots:
        _expect(task, f"slot {slot!r} holds", variable, variables)
    for role, variable in (("answer", task.answer), ("distractor", task.distractor)):
        _expect(task, f"the {role} is", variable, variables)
    if task.answer == task.distractor:
        raise BadTask(f"task {task.name!r} has {task.answer!r} as answer and as distractor: no difference to measure.")
    for template in task.templates:
        _check_template(task, template, slots)
    for name, changes in task.counterfactuals:
        if name in ("clean", END):
            raise BadTask(f"a counterfactual of task {task.name!r} cannot be called {name!r}: that word is taken.")
        for slot, variable in changes:
            _expect(task, f"counterfactual {name!r} changes", slot, slots)
            _expect(task, f"counterfactual {name!r} puts into {slot!r}", variable, variables)


def _check_template(task: TaskDefinition, template: Template, slots: dict[str, str]) -> None:
    for literal, slot in template.parts():
        if slot is None:
            continue
        _expect(task, f"template {template.id!r} has the slot", slot, slots)
        if not literal.endswith(" "):
            raise BadTask(f"template {template.id!r}: slot {{{slot}}} must follow a space, it follows {literal!r}.")
    if template.text != template.text.rstrip():
        raise BadTask(f"template {template.id!r} ends in white space: the answer's own space would come twice.")
    repeated = sorted({slot for slot in template.slots() if template.slots().count(slot) > 1})
    if repeated:
        raise BadTask(f"template {template.id!r} has {', '.join(repeated)} twice: give each occurrence its own slot.")


def _expect(task: TaskDefinition, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise BadTask(f"task {task.name!r}: {what} {name!r}, which is not declared; there are {sorted(known)}.")
