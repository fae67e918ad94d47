"""What a task gives out."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Counterfactual:
    """A prompt's paired alteration: as many tokens, the same positions, other words."""

    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Labels:
    """The clusters that a prompt belongs to: its template, the value of the task's second cluster, its pair."""

    template: str
    second: str | None
    pair: str | None


@dataclass(frozen=True)
class Prompt:
    """`tokens` include the BOS where the model's policy has one; `positions` index them. `answer` and `distractor` are
    texts of single tokens, leading space included, with their ids."""

    index: int
    text: str
    tokens: tuple[int, ...]
    answer: str
    distractor: str
    answer_id: int
    distractor_id: int
    positions: Mapping[str, tuple[int, ...]]
    counterfactuals: Mapping[str, Counterfactual]
    template: str
    slots: Mapping[str, str]

    def run(self, base: str) -> tuple[int, ...]:
        """The tokens of the clean prompt, or of the counterfactual called `base`."""
        return self.tokens if base == "clean" else self.counterfactuals[base].tokens
