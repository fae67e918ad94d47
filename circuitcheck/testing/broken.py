"""Kernels that are wrong in the ways in which hooks are: a zoo to hold a proof against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from circuitcheck.digest import digest
from circuitcheck.engine.torch.kernels.base import Sources, writes_of
from circuitcheck.engine.torch.sites.access import Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.places import At, KindName, Part, Site, site_kind
from circuitcheck.places.sites import count_parts
from circuitcheck.plan import Intervention, InterventionBase, Need
from circuitcheck.plan.interventions.protocol import PickCounterfactual
from circuitcheck.prompts import MeanBy
from circuitcheck.quantities import ModelView

Make = Callable[[list[Write], Intervention, Batch], list[Write]]  # (what is right, of which intervention, on what) -> wrong


@dataclass(frozen=True)
class Bug:
    """`make` turns the writes of a right kernel into wrong ones, where it `applies` to an intervention on a model."""

    make: Make
    applies: Callable[[Intervention, ModelView], bool] = lambda _intervention, _model: True


@dataclass(frozen=True)
class Broken(InterventionBase):
    """`inner`, with a kernel that goes wrong: `bug` is its name, `make` what it does."""

    inner: Intervention
    bug: str
    make: Make = field(repr=False, compare=False)

    @property
    def allow_vacuous(self) -> bool:
        return self.inner.allow_vacuous

    @property
    def freezes(self) -> tuple[KindName, ...]:  # type: ignore[override]
        return self.inner.freezes

    @property
    def needs(self) -> tuple[Need, ...]:
        return self.inner.needs

    @property
    def writes(self) -> tuple[tuple[Site, At], ...]:
        return self.inner.writes

    @property
    def looks_at(self) -> tuple[At, ...]:
        return self.inner.looks_at

    @property
    def part_sets(self) -> tuple[tuple[Part, ...], ...]:
        return self.inner.part_sets

    @property
    def digest(self) -> str:
        return digest(("broken", self.inner.digest, self.bug))

    def describe(self) -> str:
        return self.inner.describe()

    def bind(self, *, task: str, mean_by: MeanBy, counterfactual: PickCounterfactual, seed: int) -> "Broken":
        bound = self.inner.bind(task=task, mean_by=mean_by, counterfactual=counterfactual, seed=seed)
        return replace(self, inner=bound)

    def __reduce__(self) -> tuple[Callable[[Intervention, str], "Broken"], tuple[Intervention, str]]:
        """It is data, like any other: else it would be refused for that, and not for what its kernel does."""
        return _named, (self.inner, self.bug)


def _named(inner: Intervention, bug: str) -> Broken:
    return Broken(inner, bug, BUGS[bug].make)


@writes_of.register
def _(intervention: Broken, batch: Batch, sources: Sources) -> list[Write]:
    return intervention.make(writes_of(intervention.inner, batch, sources), intervention.inner, batch)


def broken_kernels(intervention: Intervention, model: ModelView) -> Iterator[Broken]:
    """`intervention` with its kernel broken, in each way of `BUGS` that can be told from a right one: `check_kernel` must
    refuse every one of them. `bug` is the name of each."""
    for name, bug in BUGS.items():
        if bug.applies(intervention, model):
            yield _named(intervention, name)


def each_write(make: Callable[[Write], Callable[[Tensor], Tensor | None]]) -> Make:
    """Every write's function replaced by `make(write)`."""
    return lambda right, _intervention, _batch: [
        replace(write, function=make(write))  # type: ignore[arg-type]  # some give None, which is the point
        for write in right
    ]


def _edits_in_place(write: Write) -> Callable[[Tensor], Tensor]:
    return lambda value: value.copy_(write.function(value))


def _edits_in_place_and_returns_none(write: Write) -> Callable[[Tensor], None]:
    def function(value: Tensor) -> None:
        value.copy_(write.function(value))

    return function


def _edits_in_place_through_data(write: Write) -> Callable[[Tensor], Tensor]:
    """No version counter sees it."""

    def function(value: Tensor) -> Tensor:
        value.data.copy_(write.function(value))
        return value

    return function


def _edits_others_through_data(write: Write) -> Callable[[Tensor], Tensor]:
    """Beside the write that was asked for."""

    def function(value: Tensor) -> Tensor:
        new = write.function(value)
        value.data[:, :1] += 1
        return new

    return function


def _returns_none(write: Write) -> Callable[[Tensor], None]:
    def function(value: Tensor) -> None:
        write.function(value)

    return function


def _returns_the_original(write: Write) -> Callable[[Tensor], Tensor]:
    def function(value: Tensor) -> Tensor:
        value.clone().copy_(write.function(value))
        return value

    return function


def _is_drawn(write: Write) -> Callable[[Tensor], Tensor]:
    """Half of what is to change, drawn anew each time. Noise would be lost on a score of minus infinity."""
    return lambda value: torch.where(torch.rand(value.shape, device=value.device) < 0.5, write.function(value), value)


def _changed(change: Callable[[Write, Tensor], Tensor]) -> Make:
    """What is added to a value goes through `change(write, added)`."""
    return each_write(lambda write: lambda value: value + change(write, write.function(value) - value))


def _tokens(write: Write) -> int:
    """The axis of tokens."""
    return 2 if site_kind(write.kind).of_queries else 1


def _parts(write: Write) -> int:
    """The axis of heads or neurons."""
    return 1 if site_kind(write.kind).of_queries else 2


def _names_tokens(intervention: Intervention, _model: ModelView) -> bool:
    return all(isinstance(at, tuple) for _, at in intervention.writes)


def _leaves_parts(intervention: Intervention, model: ModelView) -> bool:
    """Is there a head or neuron in each layer's site that it leaves alone?"""
    held: dict[tuple[KindName, int], set[int]] = {}
    for site, _ in intervention.writes:
        if site.index is None:
            return False
        held.setdefault((site.kind, site.layer), set()).add(site.index)
    counts = {kind: count_parts(site_kind(kind).index, model.card.architecture) for kind, _ in held}
    return all(len(indices) < (counts[kind] or 0) for (kind, _), indices in held.items())


def _is_in_layers(intervention: Intervention, _model: ModelView) -> bool:
    return len({(site.kind, site.layer) for site, _ in intervention.writes}) > 1


def _must_act(intervention: Intervention, _model: ModelView) -> bool:
    return not intervention.allow_vacuous


BUGS: dict[str, Bug] = {
    "edits in place": Bug(each_write(_edits_in_place)),
    "edits in place, returns None": Bug(each_write(_edits_in_place_and_returns_none)),
    "edits in place through .data": Bug(each_write(_edits_in_place_through_data)),
    "edits others through .data": Bug(each_write(_edits_others_through_data)),
    "returns None": Bug(each_write(_returns_none), _must_act),
    "edits a clone, returns the original": Bug(each_write(_returns_the_original), _must_act),
    "the next head": Bug(_changed(lambda write, added: added.roll(1, _parts(write))), _leaves_parts),
    "all heads": Bug(_changed(lambda write, added: added.sum(_parts(write), keepdim=True)), _leaves_parts),
    "the token before": Bug(_changed(lambda write, added: added.roll(-1, _tokens(write))), _names_tokens),
    "all tokens": Bug(_changed(lambda write, added: added.sum(_tokens(write), keepdim=True)), _names_tokens),
    "first layer only": Bug(lambda right, _intervention, _batch: right[:1], _is_in_layers),
    "next layer": Bug(lambda right, _intervention, _batch: [replace(each, layer=each.layer + 1) for each in right]),
    "another kind of site": Bug(lambda right, _intervention, _batch: [replace(each, kind=_other(each)) for each in right]),
    "no write": Bug(lambda _right, _intervention, _batch: []),
    "one token's shape": Bug(each_write(lambda write: lambda value: write.function(value)[:, -1:])),
    "another dtype": Bug(each_write(lambda write: lambda value: write.function(value).to(_another(value.dtype)))),
    "another value each time": Bug(each_write(_is_drawn), _must_act),
}


def _other(write: Write) -> KindName:
    return "z" if write.kind == "q" else "q"


def _another(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.float64 else torch.float64
