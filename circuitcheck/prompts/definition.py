"""A task that is made of templates: its schema, checked, as a source of prompts."""

from dataclasses import dataclass
from functools import cached_property

from circuitcheck.prompts.base import SourceBase
from circuitcheck.prompts.explanation import Explanation, explain
from circuitcheck.prompts.realised import RealisedTask, realise
from circuitcheck.prompts.schema.task import TaskSchema
from circuitcheck.prompts.source import SourceFacts
from circuitcheck.prompts.tokenizer import Tokenizer
from circuitcheck.prompts.validation import check_task
from circuitcheck.prompts.validation.distractors import other_distractors


@dataclass(frozen=True, eq=False)
class TaskDefinition(TaskSchema, SourceBase):
    """Its fields are those of `TaskSchema`. Raises BadTask for parts that do not fit together."""

    def __post_init__(self) -> None:
        check_task(self)
        super().__post_init__()

    @cached_property
    def facts(self) -> SourceFacts:
        return SourceFacts(
            positions=self.positions,
            counterfactuals=self.counterfactual_names,
            has_distractor=self.distractor is not None,
            second_cluster=self.second_cluster,
            has_sampling_units=bool(self.pairs),
            flags=other_distractors(self),
        )

    def realised(self, tokenizer: Tokenizer) -> RealisedTask:
        """Raises EmptyPool where too few items fit this tokenizer, BadTask where it cannot be asked."""
        return realise(self, tokenizer)

    def explain(self, tokenizer: Tokenizer) -> Explanation:
        """What this tokenizer leaves of the task, and why; also where it leaves nothing."""
        return explain(self, tokenizer)
