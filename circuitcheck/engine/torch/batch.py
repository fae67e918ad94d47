"""Prompts of one token count, as the tensors and indices that kernels work on."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from circuitcheck.plan import At
from circuitcheck.prompts import Prompt


@dataclass(frozen=True)
class Batch:
    """`prompts` all have `length` tokens."""

    prompts: tuple[Prompt, ...]
    device: torch.device

    @property
    def length(self) -> int:
        return len(self.prompts[0].tokens)

    def tokens(self, base: str) -> Tensor:
        """Token ids [prompt, pos] of the clean prompts or of a counterfactual."""
        return torch.tensor([prompt.run(base) for prompt in self.prompts], device=self.device)

    def where(self, at: At) -> tuple[Tensor, Tensor]:
        """(rows, columns): every (prompt, token) that `at` names, each once. Raises UnknownPosition."""
        pairs = [(row, column) for row, prompt in enumerate(self.prompts) for column in self._columns(prompt, at)]
        rows, columns = torch.tensor(pairs, device=self.device).T
        return rows, columns

    def _columns(self, prompt: Prompt, at: At) -> list[int]:
        if at is None:
            return list(range(self.length))
        found = {index for place in at for index in place.indices(prompt.positions[place.name], self.length)}
        return sorted(found)


@dataclass
class Change:
    """How much one intervention changed each prompt of a batch, summed over the sites it wrote."""

    prompts: int
    difference: Tensor = field(init=False)
    before: Tensor = field(init=False)
    after: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.difference, self.before, self.after = (torch.zeros(self.prompts, dtype=torch.float64) for _ in range(3))

    def record(self, rows: Tensor, old: Tensor, new: Tensor) -> None:
        """`old` and `new` are [place, ...]; `rows` says which prompt each place belongs to."""
        rows, old, new = rows.cpu(), old.double().cpu().flatten(1), new.double().cpu().flatten(1)
        for total, value in ((self.difference, new - old), (self.before, old), (self.after, new)):
            total.index_add_(0, rows, value.square().sum(1))

    def relative(self) -> Tensor:
        """[prompt]: norm of the change over the larger of the norms before and after; 0 where both are 0."""
        scale = torch.maximum(self.before, self.after).sqrt()
        return torch.where(scale > 0, self.difference.sqrt() / scale, torch.zeros_like(scale))
