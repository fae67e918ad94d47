"""What an engine is. A faster one, or one on other machines, only has to answer these calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from circuitcheck.models import BosPolicy
from circuitcheck.plan import Architecture, ModelRef, Plan
from circuitcheck.prompts import Tokenizer


@dataclass(frozen=True)
class Receipt:
    """Proof that one intervention acted, over some rows. `change` sums, over prompts, the norm of what was written minus
    what was there, relative to the larger of the two; `changed` counts the prompts where that exceeds 1e-6."""

    view: str
    intervention: str
    sites: tuple[str, ...]
    prompts: int
    changed: int
    change: float
    allow_vacuous: bool = False

    @property
    def mean_relative_change(self) -> float:
        return self.change / self.prompts

    def merge(self, other: "Receipt") -> "Receipt":
        """The receipt for both sets of rows together."""
        return Receipt(
            self.view,
            self.intervention,
            tuple(sorted({*self.sites, *other.sites})),
            self.prompts + other.prompts,
            self.changed + other.changed,
            self.change + other.change,
            self.allow_vacuous,
        )


@dataclass(frozen=True, eq=False)
class Table:
    """`values` [cell, row] float64; `receipts` for each cell, one for each intervention of its view. `forward_passes`
    counts prompts run through the model."""

    values: NDArray[np.float64]
    receipts: tuple[tuple[Receipt, ...], ...]
    forward_passes: int


@dataclass(frozen=True)
class ModelCard:
    """What is known of a loaded model without touching its weights. `fingerprint` names the parts that its digest covers."""

    ref: ModelRef
    architecture: Architecture
    fingerprint: Mapping[str, str]
    device: str


class Engine(Protocol):
    """`run` is idempotent: the same plan and rows give the same table, bit for bit, on the same machine."""

    def load(self, spec: str, *, dtype: str, device: str, bos: BosPolicy) -> ModelCard: ...
    def adopt(self, instance: object, *, bos: BosPolicy) -> ModelCard: ...
    def card(self, ref: ModelRef) -> ModelCard: ...
    def tokenizer(self, ref: ModelRef) -> Tokenizer: ...
    def verify(self, ref: ModelRef) -> None: ...
    def run(self, plan: Plan, rows: range) -> Table: ...
