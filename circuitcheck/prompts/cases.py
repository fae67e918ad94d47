"""Prompts by their values, instead of by their place in a stream."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from circuitcheck.digest import digest
from circuitcheck.errors import BadTask
from circuitcheck.plan import MeanBy
from circuitcheck.prompts.definition import TaskDefinition
from circuitcheck.prompts.prompt import Labels, Prompt
from circuitcheck.prompts.realised import realise
from circuitcheck.prompts.realised.combinations import Combinations
from circuitcheck.prompts.realised.frames import plain_frames
from circuitcheck.prompts.source import Digested
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


def plain_combinations(task: TaskDefinition) -> Combinations:
    """As no tokenizer has filtered them: every item of a pool, or of one of its groups."""
    return Combinations(task, plain_frames(task), {pool.name: pool.groups or (pool.items,) for pool in task.pools})


@dataclass(frozen=True)
class PickedCases(Digested):
    """Cases as a source of prompts: its `test` stream is these, in order; its others are the task's."""

    task: TaskDefinition
    cases: tuple[tuple[str, Values], ...]
    _digest: str = field(init=False, repr=False, compare=False, metadata={"digest": False})

    second_cluster = None
    has_units = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digest", digest(("cases", self.task.digest, self.cases)))

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def origin(self) -> str:
        return self.task.origin

    __hash__ = Digested.__hash__

    @property
    def positions(self) -> tuple[str, ...]:
        return self.task.positions

    @property
    def counterfactual_names(self) -> tuple[str, ...]:
        return self.task.counterfactual_names

    @property
    def has_distractor(self) -> bool:
        return self.task.has_distractor

    @property
    def mean_by(self) -> MeanBy:
        return self.task.mean_by

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:  # noqa: ARG002 - the call of every source
        return min(n, len({template for template, _ in self.cases}))

    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        return len(self.cases) if stream == "test" else self.task.size(tokenizer, stream)

    def shape(self, tokenizer: Tokenizer) -> str:
        return self.task.shape(tokenizer)

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        if stream != "test":
            return self.task.prompts(tokenizer, seed=seed, stream=stream, rows=rows)
        return tuple(Case(self.task, *self.cases[index]).render(tokenizer, index) for index in rows)

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        if stream != "test":
            return self.task.labels(tokenizer, seed=seed, stream=stream, rows=rows)
        return tuple(Labels(self.cases[index][0], None, None) for index in rows)

    def explain(self, tokenizer: Tokenizer) -> object:
        return self.task.explain(tokenizer)


def case_at(task: TaskDefinition, tokenizer: Tokenizer, index: int, *, seed: int, stream: str) -> Case:
    """The case that stands at an index of a stream."""
    realised = realise(task, tokenizer)
    frame, number = realised.number_at(index, seed=seed, stream=stream)
    combinations = realised.combinations
    values = combinations.with_fresh(frame.template, number, combinations.values(frame.template, number))
    return Case(task, frame.template, tuple((variable, values[variable]) for variable, _ in task.variables))
