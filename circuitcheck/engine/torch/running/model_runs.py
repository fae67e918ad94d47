"""Passes of one model, and what is kept of untouched ones for shorter ones to start from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from circuitcheck.engine.protocol import Work
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.shortened.frozen import frozen_layers_add
from circuitcheck.engine.torch.shortened.parity import Ways, ways_of
from circuitcheck.engine.torch.shortened.passes import Read, Shown, recorded_pass, short_passes, whole_pass
from circuitcheck.engine.torch.shortened.recording import Recording
from circuitcheck.engine.torch.shortened.running_on import may_run_on
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Index, Tokens
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.plan import CLEAN

_OFF = "--circuit-fast is off"
Recordings = LeastRecentlyUsed[tuple[str, tuple[int, ...], bytes, int], Recording]  # by fingerprint, tokens, batch


class ModelRuns:
    """`recordings` are kept from plan to plan; with None, all passes are whole. Those of plans with another `batch` are not
    used: that what is run in other company gives the same numbers is told by running it. `work` is what was run. Tokens are
    given as tensors of the host."""

    def __init__(self, loaded: LoadedModel, recordings: Recordings | None, batch: int) -> None:
        self._loaded, self._recordings, self._batch = loaded, recordings, batch
        self.work = Work()

    @property
    def count(self) -> int:
        """Of prompts that were run."""
        return self.work.whole + self.work.kept + self.work.shortened

    def ways(self, batch: Batch, *, scarce: bool) -> Ways:
        """In which its passes may be shortened. Where memory is `scarce`, in none if it does not hold a trial."""
        if self._recordings is None:
            return Ways()
        tokens, n_ctx = batch.tokens(CLEAN), self._loaded.card.architecture.n_ctx
        return ways_of(self._loaded.model, self._loaded.card.ref, tokens, n_ctx, scarce=scarce)

    def skips_frozen(self, batch: Batch, ways: Ways) -> bool:
        """May layers be left out in which everything is frozen, between others that are run?"""
        tokens, architecture = batch.tokens(CLEAN), self._loaded.card.architecture
        return frozen_layers_add(self._loaded.model, tokens, architecture, ways)

    def may_run_on(self, tokens: tuple[int, ...], length: int) -> bool:
        """May other tokens follow these, up to so many?"""
        card = self._loaded.card
        return may_run_on(self._loaded.model, card.ref, self._sent(torch.tensor([tokens])), length, card.architecture.n_ctx)

    def read(self, rows: Batch, ways: Ways, ids: Index | None = None) -> Read:
        """What metrics read of a batch: all logits, or those of some words of the vocabulary."""
        return Read(*rows.read, ids if ways.words else None, alone=ways.answers)

    def whole(
        self, tokens: Tokens, writes: Iterable[Write], wanted: Iterable[SiteLayer], read: Read, why: str = ""
    ) -> Shown:
        """`why` is what kept it from being shortened."""
        because = Counter({_OFF if self._recordings is None else why: len(tokens)} if why else {})
        self.work += replace(self._whole(tokens), whole=len(tokens), why_whole=because)
        return whole_pass(self._loaded.model, self._sent(tokens), writes, wanted, read)

    def untouched(self, tokens: Tokens, wanted: Iterable[SiteLayer], read: Read, ways: Ways) -> Shown:
        """A whole pass that is kept for shorter ones; where it was run before, what is left to do is from the first layer
        on that is looked at."""
        if self.has_run(tokens):
            n_layers = self._loaded.card.architecture.n_layers
            again = Shortcut(min((layer for _, layer in wanted), default=n_layers))
            return self.short(tokens, [()], wanted, read, again, ways)
        self.work += replace(self._whole(tokens), kept=len(tokens))
        given = self._sent(tokens)
        logits, kept, recording = recorded_pass(self._loaded.model, given, wanted, read, with_cache=ways.tokens)
        assert self._recordings is not None
        self._recordings[self._key(tokens)] = recording
        return logits, kept

    def has_run(self, tokens: Tokens) -> bool:
        """Is an untouched pass over these kept?"""
        return self._recordings is not None and self._key(tokens) in self._recordings

    def short(
        self,
        tokens: Tokens,
        writes_of_passes: Sequence[Sequence[Write]],
        wanted: Iterable[SiteLayer],
        read: Read,
        shortcut: Shortcut,
        ways: Ways,
    ) -> Shown:
        """Passes side by side, after an untouched one where none is kept."""
        assert self._recordings is not None
        if not self.has_run(tokens):
            rows = read.rows.new_zeros(1)
            self.untouched(tokens, (), Read(rows, rows, alone=ways.answers), ways)
        passes, needed = len(tokens) * len(writes_of_passes), self._whole(tokens).needed * len(writes_of_passes)
        done = passes * shortcut.size(self._loaded.card.architecture.n_layers, tokens.shape[1])
        self.work += Work(shortened=passes, calls=1, done=done, needed=needed)
        recording = self._recordings[self._key(tokens)]
        model, given = self._loaded.model, self._sent(tokens)
        return short_passes(model, given, writes_of_passes, wanted, read, shortcut=shortcut, recording=recording)

    def _whole(self, tokens: Tokens) -> Work:
        size = tokens.numel() * self._loaded.card.architecture.n_layers
        return Work(calls=1, done=size, needed=size)

    def has_room(self, prompts: int, width: int) -> bool:
        """For recordings of so many prompts of `width` tokens: were there more, each would push out another before it is
        used again."""
        if self._recordings is None:
            return False
        cfg, shape = self._loaded.model.cfg, self._loaded.card.architecture
        of_a_token: int = cfg.d_model + 2 * shape.n_key_value_heads * cfg.d_head
        values = prompts * width * shape.n_layers * of_a_token
        return bool(values * next(self._loaded.model.parameters()).itemsize <= self._recordings.budget)

    def trim(self) -> None:
        """Let go of recordings that are over the budget. Called where no pass is under way."""
        if self._recordings is not None:
            self._recordings.trim()

    def _sent(self, tokens: Tokens) -> Tokens:
        return sent(tokens, self._loaded.device)

    def _key(self, tokens: Tokens) -> tuple[str, tuple[int, ...], bytes, int]:
        return self._loaded.card.ref.fingerprint, tuple(tokens.shape), tokens.numpy().tobytes(), self._batch
