"""One pass of a model: whole, recorded, or what is left of it between a recording and the logits that are read.

A `Read` says which logits: those at tokens, each of a row and a column of what is run. They come as [token, vocab], or as
[token, id] where it names words of the vocabulary. With `alone` no others are worked out. The values at the sites `wanted`
come with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from circuitcheck.engine.torch.shortened.recording import Recording, recorded
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.shortened.stacking import stacked
from circuitcheck.engine.torch.shortened.stand_ins import reading_only, shortened
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, hooks_that_read, hooks_that_write
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.hooks import hooked
from circuitcheck.engine.torch.sites.shapes import Index, LogitsRead, Tokens, Value


@dataclass(frozen=True)
class Read:
    rows: Index
    columns: Index
    ids: Index | None = None
    alone: bool = False


Shown = tuple[LogitsRead, dict[SiteLayer, Value]]


def whole_pass(
    model: HookedModel,
    tokens: Tokens,
    writes: Iterable[Write],
    wanted: Iterable[SiteLayer],
    read: Read,
    **given: Any,
) -> Shown:
    """Token ids [prompt, pos] through all layers; `given` is what the model is told besides."""
    kept: dict[SiteLayer, Value] = {}
    with hooked(model, hooks_that_write(model, writes) + hooks_that_read(model, wanted, kept)):
        return _logits(model, tokens, read, given), kept


def recorded_pass(
    model: HookedModel, tokens: Tokens, wanted: Iterable[SiteLayer], read: Read, *, with_cache: bool
) -> tuple[LogitsRead, dict[SiteLayer, Value], Recording]:
    """A whole pass with nothing written, and what shorter ones can start from."""
    recording = Recording()
    with recorded(model, tokens, recording, with_cache=with_cache) as given:
        logits, kept = whole_pass(model, tokens, (), wanted, read, **given)
    return logits, kept, recording


def short_passes(
    model: HookedModel,
    tokens: Tokens,
    writes_of_passes: Sequence[Sequence[Write]],
    wanted: Iterable[SiteLayer],
    read: Read,
    *,
    shortcut: Shortcut,
    recording: Recording,
) -> Shown:
    """Passes side by side, from a shortcut on: [pass and token, vocab], and values [pass and prompt, ...] at the tokens that
    are run. `read` counts from the first of these."""
    copies = len(writes_of_passes)
    many = tokens[:, shortcut.start :].repeat(copies, 1)
    starts = torch.arange(copies, device=read.rows.device)[:, None] * len(tokens)
    read = replace(read, rows=(read.rows + starts).flatten(), columns=read.columns.repeat(copies))
    with shortened(model, recording, shortcut, copies) as given:
        return whole_pass(model, many, stacked(writes_of_passes), wanted, read, **given)


def _logits(model: HookedModel, tokens: Tokens, read: Read, given: dict[str, Any]) -> LogitsRead:
    if read.alone:
        with reading_only(model, read.rows, read.columns, read.ids):
            logits: LogitsRead = forward(model, tokens, shape=(len(read.rows), 1), **given)[:, 0]
        return logits
    logits = forward(model, tokens, **given)[read.rows, read.columns]
    return logits if read.ids is None else logits[:, read.ids]
