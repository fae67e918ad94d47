"""Which ways of shortening a pass give a model's own numbers: each is compared with whole passes before it is used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch

from circuitcheck.engine.torch.loading.devices import lacks_memory
from circuitcheck.engine.torch.shortened.passes import Read, recorded_pass, short_passes
from circuitcheck.engine.torch.shortened.recording import Recording
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.shortened.stacking import stacked
from circuitcheck.engine.torch.shortened.stand_ins import can_read_ids
from circuitcheck.engine.torch.sites.access import Write, hooks_that_write
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.hooks import hooked
from circuitcheck.engine.torch.sites.shapes import Index, LogitsRead, Tokens, Value
from circuitcheck.notices import say_once

_PROMPTS = 2
_SHORT = 16  # tokens
_ABSOLUTE, _ROUNDINGS = 1e-4, 2  # the larger of: logits, and so often what the dtype rounds off the largest of them
_COPIES = (0.5, 1.5)  # what two passes side by side multiply the residual stream by
_FEW = 1024  # tokens: more of them side by side take no less time, and more memory


@dataclass(frozen=True)
class Ways:
    """Of shortening passes of a model, those that give its numbers: logits at `answers` alone, of `words` of the vocabulary
    alone, later `layers` alone, later `tokens` alone."""

    answers: bool = False
    layers: bool = False
    tokens: bool = False
    words: bool = False


@dataclass
class _Proven:
    """`ways` by what prompts are rounded up to. Were some of them tried on prompts side by side?"""

    ways: dict[int, Ways] = field(default_factory=dict)
    side_by_side: bool = False


_proven: "WeakKeyDictionary[Any, _Proven]" = WeakKeyDictionary()


def ways_of(model: HookedModel, name: object, tokens: Tokens, n_ctx: int, *, scarce: bool = False) -> Ways:
    """Tried when the model first meets prompts of up to the next power of two of tokens, on so many; what other lengths
    show counts for those alone. Once two prompts were tried side by side, one will do. What fails is said once. Where memory
    is `scarce`, and does not hold the trial, none are used."""
    width = tokens.shape[1]
    rounded = max(_SHORT, next_power_of_2(width))
    known = _proven.setdefault(model, _Proven())
    if rounded not in known.ways:
        length = max(width, min(rounded, n_ctx))
        prompts = tokens[: 1 if known.side_by_side else _PROMPTS]
        repeated = torch.cat([prompts] * (1 + length // width), dim=1)[:, :length]
        try:
            known.ways[rounded] = _tried(model, name, repeated)
            known.side_by_side |= len(prompts) == _PROMPTS
        except Exception as error:
            if not (scarce and lacks_memory(error)):
                raise
            known.ways[rounded] = Ways()
            say_once(
                f"{name}: memory does not hold a trial of shortened passes on prompts of {length} tokens, so these are run "
                f"whole. Values are the same; they take longer."
            )
    return known.ways[rounded]


def _tried(model: HookedModel, name: object, tokens: Tokens) -> Ways:
    """All ways together; where that fails, each for itself, as far as the one before it works."""
    if _works(model, tokens, Ways(answers=True, layers=True, tokens=True)):
        return Ways(answers=True, layers=True, tokens=True, words=can_read_ids(model))
    answers = _works(model, tokens, Ways(answers=True))
    layers = _works(model, tokens, Ways(layers=True))
    by_tokens = layers and _works(model, tokens, Ways(layers=True, tokens=True))
    failed = [way for way, works in (("answers", answers), ("layers", layers), ("tokens", by_tokens)) if not works]
    say_once(
        f"{name}: passes are not shortened by {' or '.join(failed) or 'all ways at once'}, for that does not give the "
        f"numbers of whole passes. Values are the same; they take longer."
    )
    return Ways(answers, layers, by_tokens, words=answers and can_read_ids(model)) if failed else Ways()


def _works(model: HookedModel, tokens: Tokens, ways: Ways) -> bool:
    """Does what is written to the first, a middle and the last layer change logits as it does in whole passes?"""
    layers, width = len(model.blocks), tokens.shape[1]
    rows = torch.arange(len(tokens), device=tokens.device)
    read = Read(rows, torch.full_like(rows, width - 1), alone=ways.answers)
    # The latest first: what an earlier layer would hand past the stream is then that of a whole pass, of another shape.
    places = [(layers - 1, 1), (layers // 2, width // 2), (0, width - 1)]

    def compared() -> bool:
        *_, recording = recorded_pass(model, tokens, (), read, with_cache=ways.tokens)
        if ways.tokens and not recording.attended:
            return False
        expected = _whole(model, tokens, read, [_scaled(*place, by) for place in places for by in _COPIES])
        ids = _some_ids(model, expected) if ways.answers else None
        some = expected if ids is None else expected[:, ids]
        return all(
            _agrees(model, tokens, recording, replace(read, ids=ids), place, ways, whole)
            for place, whole in zip(places, some.chunk(len(places)), strict=True)
        )

    return passed(compared)


def passed(trial: Callable[[], bool]) -> bool:
    """Does a trial hold, without gradients? Not where a library breaks down in it. Memory that ran out says nothing of the
    model, and is raised."""
    try:
        with torch.no_grad():
            return trial()
    except Exception as error:  # whatever a library raises for what it cannot do
        if lacks_memory(error):
            raise
        return False


def next_power_of_2(length: int) -> int:
    return 1 << (length - 1).bit_length()


def _agrees(
    model: HookedModel,
    tokens: Tokens,
    recording: Recording,
    read: Read,
    place: tuple[int, int],
    ways: Ways,
    whole: LogitsRead,
) -> bool:
    """Do short passes side by side, written to at a layer and token, give the logits of `whole` ones?"""
    layer, start = place
    shortcut = Shortcut(layer if ways.layers else 0, start if ways.tokens else 0)
    writes = [[_scaled(layer, start - shortcut.start, by)] for by in _COPIES]
    read = replace(read, columns=read.columns - shortcut.start)
    short, _ = short_passes(model, tokens, writes, (), read, shortcut=shortcut, recording=recording)
    return close(short, whole)


def _some_ids(model: HookedModel, logits: LogitsRead) -> Index | None:
    """Half of the vocabulary, in another order, where words can be read alone."""
    return torch.arange(logits.shape[1] - 1, -1, -2, device=logits.device) if can_read_ids(model) else None


def _whole(model: HookedModel, tokens: Tokens, read: Read, writes: Sequence[Write]) -> LogitsRead:
    """[write and token, vocab] of a whole pass for each write: side by side, where they have few tokens together."""
    at_once = len(writes) if len(writes) * tokens.numel() <= _FEW else 1
    found = []
    for start in range(0, len(writes), at_once):
        some = writes[start : start + at_once]
        with hooked(model, hooks_that_write(model, stacked([[each] for each in some]))):
            logits = forward(model, tokens.repeat(len(some), 1))
        found += [each[read.rows, read.columns] for each in logits.chunk(len(some))]
    return torch.cat(found)


def _scaled(layer: int, start: int, by: float) -> Write:
    def write(value: Value) -> Value:
        written = value.clone()
        written[:, start] *= by
        return written

    return Write("resid_pre", layer, write)


def close(one: Value, other: Value) -> bool:
    """Are numbers of two passes, of any shape, the same up to rounding?"""
    finite = other.isfinite()
    if not torch.equal(finite, one.isfinite()):
        return False
    size = float(other[finite].abs().max()) if finite.any() else 0.0
    allowed = max(_ABSOLUTE, _ROUNDINGS * torch.finfo(other.dtype).eps * size)
    return bool(((one - other)[finite].abs() <= allowed).all())
