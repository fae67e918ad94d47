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
    """The clusters that a prompt belongs to: its template, the value of the task's second cluster; and
    its sampling unit, whose prompts count as one. Two prompts of which each is the other's counterfactual have one of
    their `mirrors` in common."""

    template: str
    second: str | None
    sampling_unit: str | None
    mirrors: tuple[str, ...] = ()


def mirror_of(text: str, counterfactual: str) -> str:
    """The same for both of two prompts of which each is the other's counterfactual."""
    return "\0".join(sorted((text, counterfactual)))


@dataclass(frozen=True)
class Prompt:
    """`tokens` include the BOS where the model's policy has one; `positions` index them, and END, where metrics read, is one
    of them. `answer`, `distractor` and `candidates` (the first two among them) are texts as they continue the prompt, with
    their token ids. A task without distractors has None and no ids."""

    index: int
    text: str
    tokens: tuple[int, ...]
    answer: str
    distractor: str | None
    answer_ids: tuple[int, ...]
    distractor_ids: tuple[int, ...]
    positions: Mapping[str, tuple[int, ...]]
    counterfactuals: Mapping[str, Counterfactual]
    template: str
    slots: Mapping[str, str]
    candidates: tuple[str, ...] = ()
    candidate_ids: tuple[tuple[int, ...], ...] = ()

    def __repr__(self) -> str:
        return f"<prompt #{self.index} of {self.template or 'no template'}: {self.text!r} -> {self.answer!r}>"

    @property
    def answer_id(self) -> int:
        """The answer's first token."""
        return self.answer_ids[0]

    @property
    def distractor_id(self) -> int:
        """The distractor's first token. Raises IndexError where there is none."""
        return self.distractor_ids[0]

    @property
    def end(self) -> int:
        """The index of the token at which metrics read."""
        return self.positions["END"][-1]

    def run(self, base: str) -> tuple[int, ...]:
        """The tokens of the clean prompt, or of the counterfactual called `base`."""
        return self.tokens if base == "clean" else self.counterfactuals[base].tokens
