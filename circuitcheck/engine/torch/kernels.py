"""What interventions do to tensors, by plan type: `writes_of.register` adds a kind of ours, `circuitcheck.ext` one of a
user's."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, singledispatch
from typing import Any, Protocol

import torch
from torch import Tensor

from circuitcheck.engine.registry import KERNELS
from circuitcheck.engine.torch.batch import Batch
from circuitcheck.engine.torch.proof import by_layer
from circuitcheck.engine.torch.sites import SiteLayer, Write, place
from circuitcheck.errors import BadIntervention, VacuousIntervention
from circuitcheck.plan import (
    Ablate,
    Architecture,
    At,
    Direction,
    Intervention,
    KnockOut,
    Need,
    Patch,
    Site,
    Source,
    Steer,
)

_MOST_ROUNDED_AWAY = 0.5  # of a dose, to rounding


class Sources(Protocol):
    """Where kernels get what does not come from the run they are in."""

    @property
    def architecture(self) -> Architecture: ...

    def held_still(self, wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Tensor]:
        """The values of the sites that an intervention holds still, with the interventions before this one. Not to be
        changed: other passes read them."""

    def rerun(self, writes: Iterable[Write], wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Tensor]:
        """The values of sites in a run of the batch with the interventions before this one, and these writes."""

    def value(self, source: Source, where: SiteLayer) -> Tensor:
        """The value at a layer's site in another run of the batch, [prompt, ...]."""

    def vectors(self, direction: Direction) -> Mapping[int, Tensor]:
        """{layer: [d_model]}, in float64."""


@singledispatch
def writes_of(
    intervention: Intervention,
    batch: Batch,  # noqa: ARG001 - the signature that every kernel has
    sources: Sources,  # noqa: ARG001
) -> list[Write]:
    """Writes that carry out `intervention` on `batch`, one for each layer's site that it declares. Each gives a new
    tensor and leaves the one it gets alone."""
    name = type(intervention).__name__
    raise BadIntervention(f"{name} has no kernel here: write one, with @circuitcheck.ext.register_kernel({name}) above it.")


def _own(kind: type, kernel: Callable[..., Any]) -> None:
    """Register a kernel of a user's, whose result is looked at."""

    def checked(intervention: Intervention, batch: Batch, sources: Sources) -> list[Write]:
        found = kernel(intervention, batch, sources)
        made = list(found) if isinstance(found, Iterable) else [found]
        if not all(isinstance(each, Write) for each in made):
            raise BadIntervention(
                f"the kernel of {kind.__name__} gave {type(found).__name__}; expected a list of Write, one for each layer's "
                f"site that it declares. Does it return anything?"
            )
        return made

    writes_of.register(kind)(checked)


KERNELS.take_over(_own)


@writes_of.register
def _(intervention: Ablate, batch: Batch, sources: Sources) -> list[Write]:
    return writes_of_values(intervention.writes, batch, _from_runs(intervention.needs, sources))


@writes_of.register
def _(intervention: Patch, batch: Batch, sources: Sources) -> list[Write]:
    return writes_of_values(intervention.writes, batch, _from_runs(intervention.needs, sources))


@writes_of.register
def _(intervention: KnockOut, batch: Batch, sources: Sources) -> list[Write]:  # noqa: ARG001
    allowed = [set(batch.columns(prompt, intervention.key)) for prompt in batch.prompts]
    pairs = [
        (row, query, key)
        for row, prompt in enumerate(batch.prompts)
        for query in batch.columns(prompt, intervention.query)
        for key in allowed[row]
    ]
    for row, query, _ in pairs:
        if set(range(query + 1)) <= allowed[row]:
            raise BadIntervention(
                f"{intervention.describe()}: token {query} of {batch.prompts[row].text!r} is left with nothing to "
                f"attend to. Leave it a key, or ablate the heads."
            )
    rows, queries, keys = torch.tensor(pairs, device=batch.device).T
    return [
        Write(kind, layer, partial(_silence, rows=rows, queries=queries, keys=keys, heads=_indices(groups)))
        for (kind, layer), groups in by_layer(intervention.writes).items()
    ]


@writes_of.register
def _(intervention: Steer, batch: Batch, sources: Sources) -> list[Write]:
    vectors = sources.vectors(intervention.direction)
    rows, columns = batch.where(intervention.at)
    return [
        Write(
            site.kind,
            site.layer,
            partial(_steer, vector=vectors[site.layer], how=intervention, rows=rows, columns=columns),
        )
        for site, _ in intervention.writes
    ]


def writes_of_values(
    sites: tuple[tuple[Site, At], ...], batch: Batch, value_of: Callable[[SiteLayer], Tensor | None]
) -> list[Write]:
    """Writes of `value_of` a layer's site (None: zero) to `sites`, each at its own positions."""
    return [
        Write(
            kind,
            layer,
            partial(
                _replace,
                places=[place(kind, indices, *batch.where(at)) for at, indices in groups],
                source=value_of((kind, layer)),
            ),
        )
        for (kind, layer), groups in by_layer(sites).items()
    ]


def _indices(groups: Iterable[tuple[At, list[int]]]) -> list[int]:
    """Heads or neurons of all groups."""
    return [index for _, indices in groups for index in indices]


def _from_runs(needs: tuple[Need, ...], sources: Sources) -> Callable[[SiteLayer], Tensor | None]:
    """The value of a layer's site in the run that it is needed from, None where none is."""
    wanted = {(need.site.kind, need.site.layer): need.source for need in needs}
    return lambda where: sources.value(wanted[where], where) if where in wanted else None


def _replace(value: Tensor, *, places: list[tuple[Any, ...]], source: Tensor | None) -> Tensor:
    if source is not None and source.shape != value.shape:
        raise ValueError(f"a source of shape {tuple(source.shape)} cannot replace values of shape {tuple(value.shape)}")
    written = value.clone()
    for where in places:
        written[where] = 0 if source is None else source[where].to(value)
    return written


def _silence(value: Tensor, *, rows: Tensor, queries: Tensor, keys: Tensor, heads: list[int]) -> Tensor:
    written = value.clone()
    silent = torch.finfo(value.dtype).min
    for head in heads or range(value.shape[1]):
        written[rows, head, queries, keys] = silent
    touched = torch.unique(torch.stack([rows, queries], dim=1), dim=0)
    where = place("scores", heads, touched[:, 0], touched[:, 1])
    if (written[where].amax(dim=-1) <= silent / 2).any():
        raise BadIntervention("an attention knock-out leaves a token with nothing to attend to: leave it a key.")
    return written


def _steer(value: Tensor, *, vector: Tensor, how: Steer, rows: Tensor, columns: Tensor) -> Tensor:
    exact, along = value[rows, columns].double(), vector.to(value.device)
    if how.mode == "project_out":
        unit = along / along.norm()
        new = exact - how.scale * (exact @ unit)[:, None] * unit
    else:
        new = exact + (how.scale if how.mode == "add" else -how.scale) * along
    written = value.clone()
    written[rows, columns] = new.to(value)
    asked, arrived = new - exact, written[rows, columns].double() - exact
    if how.mode != "project_out" and arrived.any() and (arrived - asked).norm() > _MOST_ROUNDED_AWAY * asked.norm():
        raise VacuousIntervention(
            f"{how.describe()}: rounding to {value.dtype} loses more than half of it. Use a larger scale, or another dtype."
        )
    return written
