"""A model under examination: two inputs of random tokens, their runs, and runs with writes."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from circuitcheck.engine.checkup import Finding, Status, passed
from circuitcheck.engine.torch.doctor.later_starts import LaterStarts
from circuitcheck.engine.torch.loaded.faithful import tolerance_of
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loading.devices import lacks_memory
from circuitcheck.engine.torch.shortened.stacking import stacked
from circuitcheck.engine.torch.sites.access import Hook, SiteLayer, Write, hooks_that_read, hooks_that_write
from circuitcheck.engine.torch.sites.forward import activations, forward
from circuitcheck.engine.torch.sites.hooks import hooked
from circuitcheck.engine.torch.sites.shapes import Logits, Tokens, Value
from circuitcheck.errors import SiteNotReached
from circuitcheck.memory import made_once
from circuitcheck.places import SITE_KINDS, KindName, site_kind

ROWS, TOKENS, POSITION = 2, 9, 4
_ROUNDINGS = 4  # of each entry: a few of a stream may be thousands of times the others
_FEW_LAYERS = 8
_AT_ONCE = 9  # runs side by side
BREAKDOWNS = (SiteNotReached, RuntimeError, IndexError, ValueError, TypeError, AttributeError)
_ADDERS: tuple[KindName, ...] = ("attn_out", "mlp_out")


class _Read(Exception):
    """Ends a run that has shown what it was for."""


class ExaminedModel:
    """`ours` and `theirs` are token ids [prompt, pos]; every value asked for of their clean runs is kept."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.model: Any = loaded.model
        self.n_layers = loaded.card.architecture.n_layers
        self.parallel = loaded.card.architecture.parallel
        dtype = next(self.model.parameters()).dtype
        self.tolerance = tolerance_of(dtype)
        self._rounding = _ROUNDINGS * torch.finfo(dtype).eps
        dice = torch.Generator().manual_seed(0)
        drawn = torch.randint(self._vocabulary, (2, ROWS, TOKENS), generator=dice)
        self.ours, self.theirs = drawn.to(loaded.device)
        self._repeated: dict[Hashable, Logits] = {}  # what the model gives for so many copies of `ours`

    @property
    def _vocabulary(self) -> int:
        return min(len(self.loaded.tokenizer.inner), int(self.model.cfg.d_vocab))

    @property
    def layers(self) -> list[int]:
        """Those whose sites are checked one by one: all of a small model; else neighbours at the start, middle, last,
        and the first of each type of attention."""
        last = self.n_layers - 1
        if self.n_layers <= _FEW_LAYERS:
            return list(range(self.n_layers))
        types = getattr(getattr(getattr(self.model, "original_model", None), "config", None), "layer_types", None) or []
        return sorted({0, 1, last // 2, last, *(types.index(each) for each in set(types))})

    def logits(self, tokens: Tokens, writes: Iterable[Write] = ()) -> Logits:
        """[prompt, pos, vocab], in float64."""
        return self._logits(tokens, writes).double()

    def _logits(self, tokens: Tokens, writes: Iterable[Write] = ()) -> Logits:
        with torch.no_grad(), hooked(self.model, hooks_that_write(self.model, writes)):
            return forward(self.model, tokens)

    def side_by_side(self, writes_of_runs: Iterable[Sequence[Write]]) -> Iterator[tuple[Logits, Logits]]:
        """[prompt, pos, vocab] in float64 of several runs of `ours`, each with its own writes, and what is there without
        them: some runs as one, since a run of so few tokens takes nearly as long as one of several times as many. Where
        prompts disturb each other, which is a finding of its own, each run is by itself."""
        left, at_once = iter(writes_of_runs), _AT_ONCE if self._keeps_prompts_apart else 1
        while some := list(islice(left, at_once)):
            many = self.ours.repeat(len(some), 1)
            usual = made_once(self._repeated, len(some), partial(self._logits, many))
            found = self._logits(many, stacked(some))
            for run, without in zip(found.chunk(len(some)), usual.chunk(len(some)), strict=True):
                yield run.double(), without.double()

    @cached_property
    def our_logits(self) -> Logits:
        return self.logits(self.ours)

    @cached_property
    def their_logits(self) -> Logits:
        return self.logits(self.theirs)

    @cached_property
    def alone_logits(self) -> Logits:
        """Those of `ours`, each prompt run by itself."""
        return torch.cat([self.logits(prompt[None]) for prompt in self.ours])

    def gap(self, found: Logits) -> float:
        """How far logits are from those of `ours`."""
        return float((found - self.our_logits).abs().max())

    @cached_property
    def _keeps_prompts_apart(self) -> bool:
        return self.gap(self.alone_logits) <= self.tolerance * self.gap(self.their_logits)

    def read(self, where: SiteLayer, writes: Iterable[Write] = ()) -> Value:
        """The value at a site in a run of `ours` with writes, in float64."""
        made = list(writes)
        with self._starts.at(min([where[1], *(write.layer for write in made)])):
            return self._read(where, made, self.ours)

    def read_turned(self, where: SiteLayer) -> Value:
        """The value at a site in a run of `ours` from the last token to the first, in float64."""
        return self._read(where, (), self.ours.flip(1))

    def _read(self, where: SiteLayer, writes: Iterable[Write], tokens: Tokens) -> Value:
        kept: dict[SiteLayer, Value] = {}
        self._run_up_to_last(hooks_that_write(self.model, writes) + hooks_that_read(self.model, [where], kept), tokens)
        return kept[where].double()

    def read_point(self, name: str, hooks: list[Hook], layer: int) -> Value:
        """The value at a hook point of the library's in a layer, in a run of `ours` with hooks there, in float64. Raises
        SiteNotReached."""
        kept: list[Value] = []
        with self._starts.at(layer):
            self._run_up_to_last([*hooks, (name, lambda value: kept.append(value.double()))], self.ours)
        return kept[0]

    def _run_up_to_last(self, hooks: list[Hook], tokens: Tokens) -> None:
        """A run that ends where the last of `hooks` acts: nothing after it can change what that hook sees."""
        point, last = hooks[-1]

        def act_and_end(value: Value) -> None:
            last(value)
            raise _Read

        with suppress(_Read), torch.no_grad(), hooked(self.model, [*hooks[:-1], (point, act_and_end)]):
            forward(self.model, tokens)

    @cached_property
    def _starts(self) -> LaterStarts:
        ours = {where: value for (theirs, where), value in self._values.items() if not theirs}
        return LaterStarts(self.model, self.ours, self.theirs, ours, self.layers)

    def our(self, where: SiteLayer) -> Value:
        return self._clean(where, theirs=False).double()

    def their(self, where: SiteLayer) -> Value:
        return self._clean(where, theirs=True).double()

    def _clean(self, where: SiteLayer, *, theirs: bool) -> Value:
        if (theirs, where) not in self._values:
            self._values.update(self._read_clean(self.all_of(where[0]), theirs=theirs))
        return self._values[theirs, where]

    @cached_property
    def _values(self) -> dict[tuple[bool, SiteLayer], Value]:
        """Of all kinds of site that have hook points, from one run of each input; of none, where one of them breaks it."""
        wanted: list[SiteLayer] = []
        for kind in SITE_KINDS:
            with suppress(SiteNotReached):
                hooks_that_read(self.model, self.all_of(kind), {})
                wanted += self.all_of(kind)
        with suppress(*BREAKDOWNS):
            return self._read_clean(wanted, theirs=False) | self._read_clean(wanted, theirs=True)
        return {}

    def _read_clean(self, wanted: Iterable[SiteLayer], *, theirs: bool) -> dict[tuple[bool, SiteLayer], Value]:
        with torch.no_grad():
            kept = activations(self.model, self.theirs if theirs else self.ours, wanted)
        return {(theirs, where): value for where, value in kept.items()}

    def all_of(self, kind: KindName) -> list[SiteLayer]:
        """The sites of one kind in all layers."""
        return [(kind, layer) for layer in ([0] if site_kind(kind).first_layer_only else range(self.n_layers))]

    def writing(self, places: Iterable[SiteLayer], *, theirs: bool = True) -> list[Write]:
        """Writes of the values that these sites have in the other run, or in this one."""
        return [Write(*where, _put(self._clean(where, theirs=theirs))) for where in places]

    def alike(self, where: SiteLayer) -> bool:
        """Is there nothing to patch, because both runs have the same value there?"""
        return torch.equal(self.our(where), self.their(where))

    def has(self, where: SiteLayer) -> bool:
        """Whether the model has such a place."""
        try:
            self.our(where)
        except SiteNotReached:
            return False
        return True

    @cached_property
    def adders(self) -> tuple[KindName, ...]:
        """What adds to the stream: attention, and MLPs where a model has any."""
        return tuple(kind for kind in _ADDERS if self.has((kind, 0)))

    def nothing(self, subject: str, check: str, part: float, effect: float) -> Finding:
        """Is `part` nothing against the effect of what was done?"""
        if effect == 0:
            return Finding(subject, check, "failed", detail="what was done has no effect at all")
        return Finding(subject, check, passed(part <= self.tolerance * effect), part / effect)

    def compare(self, subject: str, check: str, found: Tensor, expected: Tensor, instead: Tensor, sums: int = 1) -> Finding:
        """Is `found` what is expected? Deviations beyond rounding, entry by entry and for each of `sums`, count in units of
        how far `instead`, what would be there had nothing been done, is from it."""
        rounding = sums * self._rounding * torch.maximum(expected.abs(), instead.abs())
        effect = float((expected - instead).abs().max())
        deviation = float(((found - expected).abs() - rounding).clamp(min=0).max())
        if effect > 0:
            return Finding(subject, check, passed(deviation <= self.tolerance * effect), deviation / effect)
        detail = "" if deviation == 0 else f"nothing was to change here, and {deviation:.2g} did"
        return Finding(subject, check, passed(deviation == 0), None, detail)


def _put(value: Value) -> Any:
    return lambda _old: value.clone()


def at_one_token(examined: ExaminedModel, kind: KindName, layer: int) -> Write:
    """The other input's value, at POSITION alone."""
    index = (slice(None),) * (2 if site_kind(kind).of_queries else 1) + (POSITION,)
    theirs = examined.their((kind, layer))

    def put(old: Value) -> Value:
        new = old.clone()
        new[index] = theirs[index].to(old)
        return new

    return Write(kind, layer, put)


def refusal(subject: str, check: str, error: Exception) -> Finding:
    """Of a check that could not be made: there is no such place, or its values are not of the shape they should be. Raises
    errors that say nothing of the model: memory that ran out."""
    if lacks_memory(error):
        raise error
    status: Status = "refused" if isinstance(error, SiteNotReached) else "failed"
    return Finding(subject, check, status, detail=str(error).partition("\n")[0])


def worst(findings: list[Finding]) -> Finding:
    """A failure, if any; else the largest error."""
    return max(findings, key=lambda each: (each.status == "failed", each.error or 0.0))
