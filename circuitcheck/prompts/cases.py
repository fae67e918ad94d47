"""Prompts by their values, instead of by their place in a stream."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from circuitcheck.digest import Digested, digest
from circuitcheck.errors import BadTask
from circuitcheck.prompts.base import ChosenPrompts
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.realised import realise
from circuitcheck.prompts.realised.combinations import Combinations
from circuitcheck.prompts.realised.frames import plain_frames
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.source import SourceFacts
from circuitcheck.prompts.tokenizer import Tokenizer

Values = tuple[tuple[str, str], ...]


class _HasTokenizer(Protocol):
    @property
    def tokenizer(self) -> Tokenizer: ...


@dataclass(frozen=True)
class Case:
    """One prompt of `task`: a template, and the value of every drawn variable."""

    task: TaskDefinition = field(repr=False)
    template: str
    values: Values

    @property
    def text(self) -> str:
        """The words, without a chat template around them."""
        frame = next(frame for frame in plain_frames(self.task) if frame.template == self.template)
        values = plain_combinations(self.task).complete(dict(self.values))
        return frame.fill({slot: values[variable] for slot, variable in frame.held.items()})[0]

    def prompt(self, model: "_HasTokenizer") -> Prompt:
        """As this model reads it. Raises BadTask for values that its tokenizer drops; inside a hypothesis test, the example
        is rejected instead."""
        self.check(model.tokenizer)
        return self.render(model.tokenizer)

    def check(self, tokenizer: Tokenizer) -> None:
        """Raises BadTask for values that this tokenizer's prompts do not have; a hypothesis test rejects the example."""
        hypothesis = sys.modules.get("hypothesis")
        if not self.fits(tokenizer):
            if hypothesis is not None and hypothesis.currently_in_test_context():
                hypothesis.reject()
            raise self._unfit(tokenizer)

    def render(self, tokenizer: Tokenizer, index: int = 0) -> Prompt:
        """Raises BadTask for values that this tokenizer's prompts do not have."""
        if not self.fits(tokenizer):
            raise self._unfit(tokenizer)
        return realise(self.task, tokenizer).picked(self.template, dict(self.values), index)

    def fits(self, tokenizer: Tokenizer) -> bool:
        """Can this tokenizer's prompts have these values?"""
        return realise(self.task, tokenizer).combinations.possible(self.template, dict(self.values))

    def _unfit(self, tokenizer: Tokenizer) -> BadTask:
        return BadTask(
            f"no prompt of task {self.task.name!r} has these values under the tokenizer of {tokenizer.name}: {self.text!r}. "
            f"task.explain(model) says which items it drops."
        )


def make_case(task: TaskDefinition, template: str, values: Mapping[str, str]) -> Case:
    """Variables that are not given have the earliest items that are left.

    Raises BadTask for a template, a variable or a value that the task does not have, or that its constraints forbid."""
    combinations = plain_combinations(task)
    if template not in combinations.blocks:
        raise BadTask(f"task {task.name!r} has no template {template!r}; it has {', '.join(combinations.blocks)}.")
    pools = dict(task.variables)
    if strangers := sorted(set(values) - set(pools)):
        raise BadTask(f"task {task.name!r} draws no variable {strangers[0]!r}; it draws {', '.join(pools)}.")
    complete = dict(values)
    for variable in pools:
        if variable not in complete:
            complete[variable] = combinations.free(variable, complete)[0]
    if not combinations.possible(template, complete):
        raise BadTask(
            f"no prompt of task {task.name!r} has {dict(values)!r}: items come from pools, differ, and obey constraints."
        )
    return Case(task, template, tuple((variable, complete[variable]) for variable in pools))


def plain_combinations(task: TaskSchema) -> Combinations:
    """As no tokenizer has filtered them: every item of a pool, or of one of its groups."""
    return Combinations(task, plain_frames(task), {pool.name: pool.groups or (pool.items,) for pool in task.pools})


@dataclass(frozen=True)
class PickedCases(ChosenPrompts):
    """Cases of a task in place of its `test` stream, in order."""

    base: TaskDefinition
    cases: tuple[tuple[str, Values], ...]
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digest", digest(("cases", self.base.digest, self.cases)))

    __hash__ = Digested.__hash__

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def facts(self) -> SourceFacts:
        return replace(self.base.facts, second_cluster=None, has_sampling_units=False)

    def count(self, stream: str) -> int:  # noqa: ARG002 - there is one
        return len(self.cases)

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:  # noqa: ARG002 - the call of every source
        return min(n, len({template for template, _ in self.cases}))

    def replaces(self, tokenizer: Tokenizer, stream: str) -> bool:  # noqa: ARG002 - masks look at the tokenizer
        return stream == "test"

    def chosen_prompts(
        self,
        tokenizer: Tokenizer,
        seed: int,  # noqa: ARG002
        stream: str,  # noqa: ARG002
        rows: range,
    ) -> tuple[Prompt, ...]:
        return tuple(Case(self.base, *self.cases[index]).render(tokenizer, index) for index in rows)

    def chosen_labels(
        self,
        tokenizer: Tokenizer,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        stream: str,  # noqa: ARG002
        rows: range,
    ) -> tuple[Labels, ...]:
        return tuple(Labels(self.cases[index][0], None, None) for index in rows)


def case_at(task: TaskDefinition, tokenizer: Tokenizer, index: int, *, seed: int, stream: str) -> Case:
    """The case that stands at an index of a stream."""
    realised = realise(task, tokenizer)
    frame, number = realised.number_at(index, seed=seed, stream=stream)
    combinations = realised.combinations
    values = combinations.with_fresh(frame.template, number, combinations.values(frame.template, number))
    return Case(task, frame.template, tuple((variable, values[variable]) for variable, _ in task.variables))
