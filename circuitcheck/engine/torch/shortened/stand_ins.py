"""What stands in for parts of a model while a pass is run without them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from circuitcheck.engine.torch.shortened.caches import prefix
from circuitcheck.engine.torch.shortened.recording import Recording, stream_of
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Index
from circuitcheck.engine.torch.sites.standing_in import standing_in


@contextmanager
def shortened(model: HookedModel, recording: Recording, shortcut: Shortcut, copies: int) -> Iterator[dict[str, Any]]:
    """Run the body with layers below the shortcut's giving what they gave in `recording`, those from its `stop` on giving
    that, too, whatever they get, its frozen ones adding what they added, and with what the pass must be given: `copies` of
    the recorded prompts side by side, from the shortcut's first token on."""
    blocks, stop = list(model.blocks), shortcut.stop
    skipped = blocks[: shortcut.layer] + ([] if stop is None else blocks[stop:])
    with ExitStack() as stack:
        if skipped:
            given = _copied(recording.outputs[max(0, shortcut.layer - 1)], shortcut.start, copies)
            for block in skipped:
                stack.enter_context(standing_in(block, lambda *_args, **_how: given))
        for layer in shortcut.frozen:
            before, after = (_copied(recording.outputs[each], shortcut.start, copies) for each in (layer - 1, layer))
            stack.enter_context(standing_in(blocks[layer], _Adding(stream_of(after) - stream_of(before), after)))
        yield prefix(model, recording.attended, shortcut.start, copies) if shortcut.start else {}


@contextmanager
def reading_only(model: Any, rows: Index, columns: Index, ids: Index | None) -> Iterator[None]:
    """Run the body with logits worked out at some tokens alone: of `rows` and `columns` [token], as [token, 1, vocab]; with
    `ids`, which `can_read_ids` allows, of these words of the vocabulary alone, [token, 1, id]."""
    whole = model.unembed.forward

    def at_these(stream: Tensor, *args: Any, **how: Any) -> Any:
        return whole(stream[rows, columns][:, None], *args, **how)

    with ExitStack() as stack:
        stack.enter_context(standing_in(model.unembed, at_these))
        if ids is not None:
            projection = model.unembed.original_component
            weight, bias = projection.weight[ids], None if projection.bias is None else projection.bias[ids]
            stack.enter_context(standing_in(projection, lambda stream: linear(stream, weight, bias)))
        yield


def can_read_ids(model: Any) -> bool:
    """Is the unembedding a plain projection by finite numbers, and the dtype one in which no logit that is not read can be
    infinite?"""
    projection = getattr(getattr(model, "unembed", None), "original_component", None)
    if type(projection) is not nn.Linear or projection.weight.dtype == torch.float16:
        return False
    ends = [torch.stack(each.aminmax()) for each in projection.parameters()]  # NaN is both ends of what holds one
    return all(bool(each.isfinite().all()) for each in ends)


class _Adding:
    """In the place of a layer all of whose parts are frozen: what it added, and whatever it gives besides the stream."""

    def __init__(self, added: Tensor, output: Any) -> None:
        self._added, self._output = added, output

    def __call__(self, *given: Any, **how: Any) -> Any:
        stream = (given[0] if given else how["hidden_states"]) + self._added
        return (stream, *self._output[1:]) if isinstance(self._output, tuple) else stream


def _copied(output: Any, start: int, copies: int) -> Any:
    stream = stream_of(output)[:, start:]
    many = stream.repeat(copies, 1, 1) if copies > 1 else stream.clone()
    return (many, *output[1:]) if isinstance(output, tuple) else many
