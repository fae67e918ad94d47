"""Features of a dictionary changed, and reconstructions: what the dictionary's output then changes by is written."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.slices import put_rows, rows_of_site
from circuitcheck.engine.torch.kernels.base import Sources, writes_of
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Activations, AtIndex, Index, Value
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import SiteNotReached
from circuitcheck.plan import EditFeatures, Reconstruct

Edited = Callable[[Activations], Activations]


@writes_of.register
def _(intervention: Reconstruct, batch: Batch, sources: Sources) -> list[Write]:
    return _through(intervention, batch, sources, lambda activations: activations, ())


@writes_of.register
def _(intervention: EditFeatures, batch: Batch, sources: Sources) -> list[Write]:
    return _through(intervention, batch, sources, edit_of(intervention, batch, sources), intervention.features.numbers)


def edit_of(intervention: EditFeatures, batch: Batch, sources: Sources) -> Edited:
    """From activations [index, feature] at the tokens that it acts on to those that take their place."""
    numbers = sent(intervention.features.numbers, batch.device)
    instead = _instead(intervention, batch, sources)

    def edited(activations: Activations) -> Activations:
        new = activations.clone()
        new[:, numbers] = instead(activations[:, numbers]).to(new)
        return new

    return edited


def _instead(intervention: EditFeatures, batch: Batch, sources: Sources) -> Edited:
    """Of the changed features alone."""
    amount = 0.0 if intervention.amount is None else intervention.amount
    match intervention.edit:
        case "remove":
            return torch.zeros_like
        case "clamp":
            return lambda activations: torch.full_like(activations, amount)
        case "scale":
            return lambda activations: activations * amount
        case "add":
            return lambda activations: activations + amount
    found = _mean(intervention, batch, sources) if intervention.edit == "mean" else _taken(intervention, batch, sources)
    return lambda _activations: found


def _taken(intervention: EditFeatures, batch: Batch, sources: Sources) -> Activations:
    """From another run, at the same tokens."""
    dictionary, (need,) = sources.dictionary(intervention.through), intervention.needs
    value = sources.value(need.source, (need.site.kind, need.site.layer))
    activations = dictionary.encode(rows_of_site(need.site, value, *batch.where(intervention.at)))
    return activations[:, sent(intervention.features.numbers, batch.device)]


def _mean(intervention: EditFeatures, batch: Batch, sources: Sources) -> Activations:
    rows, columns = batch.where(intervention.at)
    return sources.feature_means(intervention)[rows, columns].to(batch.device)


def _through(
    intervention: EditFeatures | Reconstruct, batch: Batch, sources: Sources, edited: Edited, features: tuple[int, ...]
) -> list[Write]:
    ref = intervention.through
    rows, columns = batch.where(intervention.at)
    splice = _Splice(sources.dictionary(ref), intervention.error == "keep", rows, columns, edited, features)
    layer_of_reads = (ref.reads.kind, ref.reads.layer)
    read: dict[SiteLayer, Value] = {}
    reads = (layer_of_reads,) if ref.is_transcoder else ()
    return [Write(ref.writes.kind, ref.writes.layer, partial(_spliced, splice=splice, read=read), reads=reads, read=read)]


@dataclass(frozen=True)
class _Splice:
    """What a dictionary writes at some tokens, with its activations `edited`, which changes those of `features`."""

    dictionary: LoadedDictionary
    keep_error: bool
    rows: Index
    columns: Index
    edited: Edited
    features: tuple[int, ...]

    def of(self, read: AtIndex, old: AtIndex) -> AtIndex:
        """[index, d_out] in the place of `old`, where [index, d_in] was read."""
        before = self.dictionary.encode(read)
        after = self.edited(before)
        if not self.keep_error:
            return self.dictionary.reconstruct(after, read).to(old)
        change = self.dictionary.change(before, after, read, self.features)
        touched = (after != before).any(dim=1, keepdim=True)
        return torch.where(touched, old + change.to(old), old)


def _spliced(value: Value, *, splice: _Splice, read: dict[SiteLayer, Value]) -> Value:
    ref = splice.dictionary.card.ref
    source = read.get((ref.reads.kind, ref.reads.layer)) if ref.is_transcoder else value
    if source is None:
        raise SiteNotReached(f"{ref} reads {ref.reads}, which comes after {ref.writes}, where it writes.")
    old = rows_of_site(ref.writes, value, splice.rows, splice.columns)
    seen = rows_of_site(ref.reads, source, splice.rows, splice.columns)
    return put_rows(ref.writes, value, splice.rows, splice.columns, splice.of(seen, old))
