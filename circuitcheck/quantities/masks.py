"""Prompts that are kept where a condition holds on each of them: declared, and counted."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from circuitcheck.digest import digest
from circuitcheck.errors import BadTask, NotComparable
from circuitcheck.plan import MeanBy
from circuitcheck.prompts import Digested, Labels, Prompt, PromptSource, Tokenizer
from circuitcheck.quantities.comparison import Comparison
from circuitcheck.quantities.prompts import Prompts
from circuitcheck.quantities.recording import current_recorder
from circuitcheck.session import current_session

if TYPE_CHECKING:
    from circuitcheck.quantities.quantity import Quantity


@dataclass(frozen=True)
class MaskedSource(Digested):
    """The prompts of `base` on which `condition` holds, among the first `considered` of one stream and seed. Other streams
    are the task's own: means are not taken over chosen prompts."""

    base: PromptSource
    condition: Comparison = field(compare=False, metadata={"digest": False})
    considered: int
    _kept: tuple[int, ...] = field(init=False, repr=False, compare=False, metadata={"digest": False})
    _digest: str = field(init=False, repr=False, metadata={"digest": False})

    second_cluster = None

    def __post_init__(self) -> None:
        quantity, region = self.condition.quantity, self.condition.region
        values = quantity.per_prompt(quantity.draw(range(self.considered)))
        kept = np.flatnonzero([region.holds(value) for value in values])
        if not len(kept):
            raise BadTask(f"none of {self.considered} prompts of task {self.base.name!r} has {self.condition.expression}.")
        object.__setattr__(self, "_kept", tuple(map(int, kept)))
        parts = (self.base.digest, quantity.digest, region.relation, region.threshold, region.margin, self.considered)
        object.__setattr__(self, "_digest", digest(("masked", parts)))

    @property
    def flags(self) -> tuple[str, ...]:
        share = len(self._kept) / self.considered
        return (
            *self.base.flags,
            f"prompts were chosen: {len(self._kept)} of {self.considered} ({share:.0%}) have {self.condition.expression}; "
            f"the claim is about such prompts only",
        )

    @property
    def complete(self) -> bool:
        """Were all prompts of the task considered?"""
        return self.base.complete and self.considered == population_of(self.condition.quantity)

    def division(self) -> str:
        return self.base.division()

    @property
    def name(self) -> str:
        return f"{self.base.name} where {self.condition.expression}"

    @property
    def origin(self) -> str:
        return self.base.origin

    __hash__ = Digested.__hash__

    @property
    def positions(self) -> tuple[str, ...]:
        return self.base.positions

    @property
    def counterfactual_names(self) -> tuple[str, ...]:
        return self.base.counterfactual_names

    @property
    def groups(self) -> str:
        return self.base.groups

    @property
    def has_units(self) -> bool:
        return self.base.has_units

    @property
    def has_distractor(self) -> bool:
        return self.base.has_distractor

    @property
    def mean_by(self) -> MeanBy:
        return self.base.mean_by

    def count_groups(self, tokenizer: Tokenizer, stream: str, n: int) -> int:
        where = self.condition.quantity.prompts
        labels = self.labels(tokenizer, seed=where.seed, stream=stream, rows=range(min(n, self.size(tokenizer, stream))))
        return len({label.template for label in labels})

    def size(self, tokenizer: Tokenizer, stream: str) -> int:
        return len(self._kept) if self._masks(stream, tokenizer) else self.base.size(tokenizer, stream)

    def shape(self, tokenizer: Tokenizer) -> str:
        return self.base.shape(tokenizer)

    def prompts(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Prompt, ...]:
        if not self._masks(stream, tokenizer):
            return self.base.prompts(tokenizer, seed=seed, stream=stream, rows=rows)
        return tuple(self.base.prompts(tokenizer, seed=seed, stream=stream, rows=each)[0] for each in self._at(rows, seed))

    def labels(self, tokenizer: Tokenizer, *, seed: int, stream: str, rows: range) -> tuple[Labels, ...]:
        if not self._masks(stream, tokenizer):
            return self.base.labels(tokenizer, seed=seed, stream=stream, rows=rows)
        return tuple(self.base.labels(tokenizer, seed=seed, stream=stream, rows=each)[0] for each in self._at(rows, seed))

    def explain(self, tokenizer: Tokenizer) -> object:
        return f"{self.base.explain(tokenizer)}\n  {self.flags[-1]}"

    def _masks(self, stream: str, tokenizer: Tokenizer) -> bool:
        """Raises BadTask for a stream that was not filtered (means may use the reference stream as it is), NotComparable for
        a tokenizer with other prompts."""
        mine = self.condition.quantity.prompts.stream
        if stream == "reference":
            return False
        if stream != mine:
            raise BadTask(f"task {self.name!r} was filtered on its {mine} stream: filter its {stream} stream itself.")
        own = current_session().engine.tokenizer(self.condition.quantity.models[0])
        if tokenizer is not own and self.base.shape(tokenizer) != self.base.shape(own):
            raise NotComparable(
                f"task {self.name!r} was filtered with other prompts than {tokenizer.name} has: task.for_models()."
            )
        return True

    def _at(self, rows: range, seed: int) -> list[range]:
        """Where these rows stand among the task's own."""
        wanted = self.condition.quantity.prompts.seed
        if seed != wanted:
            raise BadTask(
                f"task {self.name!r} was filtered under seed {wanted}, and is asked for seed {seed}: filter it again."
            )
        if rows and not (rows.start >= 0 and rows.stop <= len(self._kept)):
            raise BadTask(f"task {self.name!r} has {len(self._kept)} prompts, not {rows.stop}.")
        return [range(self._kept[row], self._kept[row] + 1) for row in rows]


def masked(task: PromptSource, stream: str, condition: object, considered: int) -> MaskedSource:
    """Raises NotComparable for what is no comparison of a number per prompt of this task and stream, BadTask where it leaves
    none."""
    if not isinstance(condition, Comparison):
        raise NotComparable(
            f"where() got {condition!r}; expected a comparison of this task, such as task.logit_diff(model) > 0."
        )
    quantity = condition.quantity
    if stream == "reference":
        raise BadTask(
            "where(): means come from the reference stream, and are not taken over chosen prompts; filter another."
        )
    quantity.check_per_prompt("where()")
    if quantity.prompts.task != task or quantity.prompts.stream != stream:
        raise NotComparable(
            f"where(): {quantity.label} is measured on {quantity.prompts}, not on this task's {stream} stream."
        )
    if isinstance(considered, bool) or not isinstance(considered, int) or considered < 1:
        raise BadTask(f"where() has prompts={considered!r}; expected a whole number from 1.")
    recorder = current_recorder()
    if recorder is not None:
        recorder.adopted((condition,))  # it chooses prompts, and is not asked
    return MaskedSource(task, condition, min(considered, population_of(quantity)))


def population_of(quantity: "Quantity") -> int:
    """How many prompts there are for a quantity."""
    where: Prompts = quantity.prompts
    return current_session().population(where.task, quantity.models, where.stream)
