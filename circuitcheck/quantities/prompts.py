"""Which prompts a quantity is measured on."""

from dataclasses import dataclass, field, replace

from circuitcheck.errors import BadTask
from circuitcheck.plan import ModelRef
from circuitcheck.prompts import PromptSource
from circuitcheck.session import current_session


@dataclass(frozen=True)
class Prompts:
    """Quantities of one task, stream and seed share rows. `chosen`: somebody named the stream; else a look outside of a
    claim goes to other prompts than claims are judged on."""

    task: PromptSource
    stream: str
    seed: int
    chosen: bool = field(default=True, compare=False)

    def to_look_at(self) -> "Prompts":
        """Where a look goes that is no claim."""
        return self if self.chosen or self.task.facts.complete else replace(self, stream="discovery", chosen=True)

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know of how these prompts were chosen."""
        return self.task.facts.flags

    @property
    def complete(self) -> bool:
        """Are they all the prompts that there are, so that measuring them gives an exact value?"""
        return self.task.facts.complete

    def __str__(self) -> str:
        return f"{self.task.name}, {self.stream} stream, seed {self.seed}"


def check_something_to_look_at(where: Prompts, model: ModelRef | str) -> None:
    """Raises BadTask where the stream that looks go to has no prompts, and that of claims has."""
    sizes = {each: current_session().population(where.task, [model], each) for each in (where.stream, "test")}
    if sizes["test"] and not sizes[where.stream]:
        raise BadTask(
            f"task {where.task.name!r} has 0 prompts in its {where.stream} stream, where looks outside of a claim go, so "
            f'that claims are judged on other prompts. task.on_stream("test") looks at those of claims; task.explain(model) '
            f"says where prompts went."
        )
