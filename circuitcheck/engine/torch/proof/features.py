"""Proof of a change to features: at which tokens they were active, and that what was written is what their change calls for.

Both are worked out here from the values that pass through the site and from the decoder's rows, never taken from the kernel.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitcheck.engine.protocol import FeatureReceipt
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Activations, AtIndex, Index, PerPrompt, PerToken, Value
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import StrayWrite
from circuitcheck.plan import EditFeatures

_MOST_SHOWN = 64  # features, one by one; of more, whether any is active
_WRONG = 1e-2  # of what should be written
_ROUNDING = 8  # times what the dtype rounds off


@dataclass
class Firing:
    """What is seen of an intervention's features at the tokens that it acts on: activations [text, token, feature]; and how
    much the dictionary's output `changes`, and what its `size` was before (squared norms)."""

    intervention: EditFeatures
    dictionary: LoadedDictionary
    batch: Batch
    activation: Tensor = field(init=False)
    changes: PerToken = field(init=False)
    size: PerToken = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.batch.prompts), self.batch.span)
        nothing = partial(torch.zeros, dtype=torch.float64, device=self.batch.device)
        self.activation = nothing((*shape, len(labels(self.intervention))))
        self.changes, self.size = nothing(shape), nothing(shape)

    def strongest(self, read: Batch) -> Tensor:
        """[prompt, feature]: the activation farthest from 0 at the tokens up to the END of each prompt that is `read`."""
        where = self.activation.abs().cummax(dim=1).indices[read.row_of_text, read.last]
        features = torch.arange(where.shape[1], device=where.device)
        return self.activation[read.row_of_text[:, None], where, features]

    def output(self, read: Batch) -> PerPrompt:
        """Of each prompt that is `read`: the norm of the change over that of what the dictionary gave out before."""
        changes, size = map(read.up_to_end, (self.changes, self.size))
        return torch.where(size > 0, (changes / size.clamp(min=1e-300)).sqrt(), torch.zeros_like(size))

    def look(self, read: Value, old: Value, new: Value, fetching: Fetching) -> None:
        """`read` is the value of the layer's site that the dictionary reads, `old` and `new` those of the one it writes.
        Raises StrayWrite, when `fetching` ends, where the change of the value is not that of the features."""
        ref = self.intervention.through
        rows, columns = self.batch.where(self.intervention.at)
        values = rows_of_site(ref.reads, read, rows, columns)
        before = self.dictionary.encode(values)
        mine = before[:, sent(self.intervention.features.numbers, before.device)]
        was, is_now = (rows_of_site(ref.writes, value, rows, columns) for value in (old, new))
        self._record((rows, columns), mine, self.dictionary.decode(before, values), was, is_now)
        self._check_written(mine, was, is_now, fetching)

    def _record(self, where: tuple[Index, Index], mine: Activations, made: AtIndex, was: AtIndex, is_now: AtIndex) -> None:
        """`made` is what the dictionary gave out before."""
        seen = mine if self.activation.shape[2] == mine.shape[1] else mine.abs().amax(dim=1, keepdim=True)
        self.activation[where] = seen.double()
        self.changes[where] = (is_now - was).double().square().sum(dim=1)
        self.size[where] = made.double().square().sum(dim=1)

    def _check_written(self, mine: Activations, was: AtIndex, is_now: AtIndex, fetching: Fetching) -> None:
        change = _change_of(self.intervention, mine)
        normalised = self.dictionary.card.fingerprint["normalize_activations"] != "none"
        if change is None or normalised or self.intervention.error != "keep":
            return
        expected = change.double() @ self.dictionary.directions(self.intervention.features.numbers).double()
        written = (is_now.double() - was.double()).to(expected)
        size = torch.maximum(was.double().norm(dim=1), is_now.double().norm(dim=1))
        allowed = _WRONG * expected.norm(dim=1) + _ROUNDING * torch.finfo(was.dtype).eps * size
        wrong = (written - expected).norm(dim=1) > allowed
        fetching.ask(torch.stack([wrong, written.norm(dim=1), expected.norm(dim=1)]), partial(_refuse, self.intervention))


def _refuse(intervention: EditFeatures, found: NDArray[np.float64]) -> None:
    """`found` says of each token whether its change is wrong, how large it is, and how large it should be."""
    wrong = found[:, found[0] != 0]
    if wrong.size:
        raise StrayWrite(
            f"{intervention.describe()}: at {wrong.shape[1]} of {found.shape[1]} tokens the value changes by "
            f"{wrong[1, 0]:.4g} where the features' change calls for {wrong[2, 0]:.4g}. Does an error term hide the edit, "
            f"or is another slice written?"
        )


def labels(intervention: EditFeatures) -> tuple[str, ...]:
    """Of the features that are shown."""
    parts = intervention.features.parts
    return tuple(map(str, parts)) if len(parts) <= _MOST_SHOWN else (str(intervention.features),)


def _change_of(intervention: EditFeatures, mine: Activations) -> Activations | None:
    """What the activations change by; None where that depends on other runs."""
    amount = intervention.amount or 0.0
    match intervention.edit:
        case "remove":
            return -mine
        case "clamp":
            return amount - mine
        case "scale":
            return mine * (amount - 1)
        case "add":
            return torch.full_like(mine, amount)
    return None


def receipts_of(names: tuple[str, ...], activation: NDArray[np.float64]) -> tuple[FeatureReceipt, ...]:
    """Of [prompt, feature]."""
    return tuple(FeatureReceipt(name, tuple(activation[:, column].tolist())) for column, name in enumerate(names))
