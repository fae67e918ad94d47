"""Runs that begin at the layer that is written to: the layers below it are those of the clean run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial

import torch

from circuitcheck.engine.torch.shortened.parity import passed
from circuitcheck.engine.torch.shortened.recording import Recording, recorded
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.shortened.stand_ins import shortened
from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.engine.torch.sites.forward import activations
from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.shapes import Tokens, Value


class LaterStarts:
    """`shown` is what a whole run of the tokens `ours` shows at all its sites; `theirs` are others of the same shape. Only
    `layers` are begun at."""

    def __init__(
        self, model: HookedModel, ours: Tokens, theirs: Tokens, shown: Mapping[SiteLayer, Value], layers: list[int]
    ) -> None:
        self._model, self._ours, self._theirs, self._shown, self._wanted = model, ours, theirs, shown, layers

    @contextmanager
    def at(self, layer: int) -> Iterator[None]:
        """Run the body with runs of `ours` begun at a layer, where that changes no bit of what the layer shows."""
        if layer == 0 or layer not in self._layers:
            yield
            return
        with shortened(self._model, self._recording, Shortcut(layer), 1):
            yield

    @cached_property
    def _recording(self) -> Recording:
        recording = Recording()
        with torch.no_grad(), recorded(self._model, self._ours, recording, with_cache=False):
            activations(self._model, self._ours, ())
        return recording

    @cached_property
    def _layers(self) -> set[int]:
        """Tried after a run of `theirs`, so that what layers hand on past the stream is not of `ours`; the latest first, so
        that it stays so."""
        if not passed(self._runs_theirs_last):
            return set()
        return {layer for layer in sorted(self._wanted, reverse=True) if passed(partial(self._is_the_same, layer))}

    def _runs_theirs_last(self) -> bool:
        recorded_whole = len(self._recording.outputs) == len(self._model.blocks)
        activations(self._model, self._theirs, ())
        return recorded_whole

    def _is_the_same(self, layer: int) -> bool:
        """Does the layer show the same values, bit by bit, where it is the first and only one that is run?"""
        expected = {where: value for where, value in self._shown.items() if where[1] == layer}
        with shortened(self._model, self._recording, Shortcut(layer, stop=layer + 1), 1):
            found = activations(self._model, self._ours, expected)
        return bool(expected) and all(torch.equal(found[where], value) for where, value in expected.items())
