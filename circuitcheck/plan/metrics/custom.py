"""A function of a user's as a metric."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from circuitcheck.digest import THIS_PROCESS
from circuitcheck.plan.metrics.protocol import MetricBase, Support


@dataclass(frozen=True)
class Custom(MetricBase):
    """A callable as a metric: `function(logits, prompts)` with logits [prompt, vocab] and one value per prompt back.

    It has no stable digest: it works in this process only, its values are kept for this session only, and results say so.
    """

    function: Callable[[Any, Any], Any] = field(repr=False)
    name: str
    support: Support = "real"
    tokens: ClassVar[Literal["all"]] = "all"

    @property
    def digest(self) -> str:
        return f"{THIS_PROCESS}:{self.name}:{self.support}:{id(self.function)}"
