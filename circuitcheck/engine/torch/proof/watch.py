"""Proof of intervention: what a write changed is read off the values that pass through it, never taken from the kernel.

A kernel may be wrong in every way in which a hook can be: it may write nothing, at another place than the plan says, at
several of the right shape, or into a tensor that others still use. Each is an error here, or a receipt of no change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitcheck.engine.torch.proof.differences import anywhere, bits_differ, differ, first_and_count
from circuitcheck.engine.torch.proof.features import Firing
from circuitcheck.engine.torch.sites.access import Group, SiteLayer, Write, by_layer, place
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import AtIndex, Differs, Index, PerPrompt, PerToken, Value
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.errors import SiteNotReached, StrayWrite
from circuitcheck.places import KindName, Site, site_kind
from circuitcheck.plan import Intervention


@dataclass
class Change:
    """How much one intervention changed each token of the texts of a batch, summed over the sites it wrote; and which of
    these `moved` in any text: sites, and a flag for each. All of it is on the device; what is wrong is found out when
    `fetching` ends."""

    batch: Batch
    fetching: Fetching
    firing: Firing | None = None  # where features are changed
    moved: list[tuple[list[Site], Tensor]] = field(init=False, default_factory=list)
    difference: PerToken = field(init=False)
    before: PerToken = field(init=False)
    after: PerToken = field(init=False)

    def __post_init__(self) -> None:
        nothing = torch.zeros(len(self.batch.prompts), self.batch.span, dtype=torch.float64, device=self.batch.device)
        self.difference, self.before, self.after = (nothing.clone() for _ in range(3))

    def record(self, rows: Index, columns: Index, old: AtIndex, new: AtIndex) -> None:
        """`old` and `new` are [place, ...]; `rows` and `columns` say which text and token each place is."""
        old, new = old.double().flatten(1), new.double().flatten(1)
        for total, value in ((self.difference, new - old), (self.before, old), (self.after, new)):
            total.index_put_((rows, columns), value.square().sum(1), accumulate=True)

    def relative(self, read: Batch) -> PerPrompt:
        """Of each prompt that is `read`, over the tokens up to its END: norm of the change over the larger of the norms
        before and after; 0 where both are 0."""
        difference, before, after = map(read.up_to_end, (self.difference, self.before, self.after))
        scale = torch.maximum(before, after).sqrt()
        return torch.where(scale > 0, difference.sqrt() / scale, torch.zeros_like(scale))


def watched(intervention: Intervention, batch: Batch, writes: Iterable[Write], change: Change) -> list[Write]:
    """The writes of an intervention, each looked at while it acts, what they change going into `change`.

    Raises StrayWrite for a write to a layer's site that the intervention does not declare, or SiteNotReached where one that
    it declares has no write. The writes raise SiteNotReached, too, for values of the wrong shape; and StrayWrite, when what
    was asked of the device is fetched, for an edit in place, or a change at tokens, heads or neurons that are not declared.
    """
    found, declared = list(writes), by_layer(intervention.writes)
    reached = {(write.kind, write.layer) for write in found}
    for stray in sorted(reached - set(declared)):
        raise StrayWrite(f"{intervention.describe()} writes to {Site(*stray)}, which it does not declare.")
    for missed in sorted(set(declared) - reached):
        raise SiteNotReached(f"{intervention.describe()} writes nothing to {Site(*missed)}.")
    return [replace(write, function=_Watched(write, intervention.describe(), batch, declared, change)) for write in found]


class _Watched:
    """One write, and where it is declared to act."""

    def __init__(
        self, write: Write, what: str, batch: Batch, declared: Mapping[SiteLayer, list[Group]], change: Change
    ) -> None:
        self.write, self.what, self.batch, self.change = write, what, batch, change
        self.places = [_Declared(write.kind, indices, *batch.where(at)) for at, indices in declared[write.kind, write.layer]]

    def __call__(self, value: Value) -> Value:
        self._check_shape(value)
        held = value.clone()
        new = cast("Tensor | None", self.write.function(value))  # kernels forget to return, whatever their types say
        self.change.fetching.refuse(anywhere(bits_differ(value, held)), partial(_edited, self._here))
        if new is None:
            new = value
        if (new.shape, new.dtype, new.device) != (value.shape, value.dtype, value.device):
            raise StrayWrite(
                f"{self._here} gives {tuple(new.shape)} of {new.dtype} on {new.device} for a value of shape "
                f"{tuple(value.shape)} of {value.dtype} on {value.device}."
            )
        self._check_the_rest(value, new)
        for each in self.places:
            old_there, new_there = (each.compared(whole, self.batch.start) for whole in (value, new))
            self.change.record(each.rows, each.columns, old_there, new_there)
            self.change.moved.append(each.moved(self.write.layer, differ(new_there, old_there)))
        if self.change.firing is not None:
            read = next(iter(self.write.read.values()), value)
            self.change.firing.look(read, value, new, self.change.fetching)
        return new

    @property
    def _here(self) -> str:
        return f"{self.what}, at {Site(self.write.kind, self.write.layer)},"

    def _check_shape(self, value: Value) -> None:
        of_queries, batch = site_kind(self.write.kind).of_queries, self.batch
        tokens = value.shape[-2:] if of_queries else value.shape[1:2]
        if value.shape[0] != len(batch.prompts) or tokens != ((batch.span, batch.width) if of_queries else (batch.span,)):
            raise SiteNotReached(
                f"{self._here} meets a value of shape {tuple(value.shape)} in a run of {len(self.batch.prompts)} prompts of "
                f"{self.batch.span} tokens: is the model generating with a cache? Positions would mean other tokens."
            )

    def _check_the_rest(self, value: Value, new: Value) -> None:
        touched = differ(new, value)
        for each in self.places:
            touched[each.where] = False
        self.change.fetching.ask(first_and_count(touched), partial(_refuse_stray, self._here, tuple(value.shape)))


# What waits for the end of a batch holds no tensors: they would be in memory until then.


def _edited(who: str) -> StrayWrite:
    return StrayWrite(f"{who} edits the model's own tensor, which others may still read: clone it first.")


def _refuse_stray(who: str, shape: tuple[int, ...], found: NDArray[np.float64]) -> None:
    """`found` is the first place and the count of changes that are not declared."""
    first, count = map(int, found)
    if count:
        where = tuple(map(int, np.unravel_index(first, shape)))
        raise StrayWrite(
            f"{who} also changes what it does not declare: the value at {where} of shape {shape}, and {count - 1} more. Is "
            f"an index on the wrong axis?"
        )


@dataclass(frozen=True)
class _Declared:
    """Tokens of a layer's site, one for each of `rows` and `columns`; in each the heads or neurons `indices`, none of which
    means the whole layer."""

    kind: KindName
    indices: list[int]
    rows: Index
    columns: Index

    @cached_property
    def where(self) -> tuple[Any, ...]:
        return place(self.kind, self.indices, self.rows, self.columns)

    def compared(self, whole: Value, start: int) -> AtIndex:
        """What a change is measured by, at these tokens. Scores mean their softmax. Their mask would dwarf every change; it
        is put in here, because some libraries put it in later."""
        there: AtIndex = whole[self.where]
        if not site_kind(self.kind).compared_by_softmax:
            return there
        keys = torch.arange(whole.shape[-1], device=whole.device)
        later = keys > (self.columns + start)[:, None, None]  # of queries
        return there.masked_fill(later, torch.finfo(whole.dtype).min).softmax(dim=-1)

    def moved(self, layer: int, differs: Differs) -> tuple[list[Site], Tensor]:
        """Sites, and of each whether anything does, of [token, ...] or [token, head, ...]."""
        if not self.indices:
            return [Site(self.kind, layer)], anywhere(differs)
        moved = differs.flatten(2).any(-1).any(0) if differs.dim() > 2 else differs.any(0)
        return [Site(self.kind, layer, each) for each in self.indices], moved
