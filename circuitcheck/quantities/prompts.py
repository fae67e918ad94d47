"""Which prompts a quantity is measured on."""

from dataclasses import dataclass

from circuitcheck.prompts import PromptSource


@dataclass(frozen=True)
class Prompts:
    """Quantities of one task, stream and seed share rows."""

    task: PromptSource
    stream: str
    seed: int

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader must know of how these prompts were chosen."""
        return self.task.flags

    @property
    def complete(self) -> bool:
        """Are they all the prompts that there are, so that measuring them gives an exact value?"""
        return self.task.complete

    def __str__(self) -> str:
        return f"{self.task.name}, {self.stream} stream, seed {self.seed}"
