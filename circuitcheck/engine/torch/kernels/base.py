"""What interventions do to tensors, by plan type: `writes_of.register` adds a kind of ours, `circuitcheck.ext` one of a
user's."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial, singledispatch
from typing import Any, Protocol

from torch import Tensor

from circuitcheck.engine.registry import KERNELS
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, by_layer, place
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Value, Vector
from circuitcheck.errors import BadIntervention
from circuitcheck.places import Architecture, At, Site
from circuitcheck.plan import DictionaryRef, Direction, EditFeatures, Intervention, PatchPath, ValueSource

Refuse = Callable[[Tensor, Callable[[], Exception]], None]


class Sources(Protocol):
    """Where kernels get what does not come from the run they are in."""

    @property
    def architecture(self) -> Architecture: ...

    def held_still(self, wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
        """The values of the sites that an intervention holds still, with the interventions before this one. Not to be
        changed: other passes read them."""

    def rerun(self, writes: Iterable[Write], wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
        """The values of sites in a run of the batch with the interventions before this one, and these writes."""

    def told(self, path: PatchPath) -> Mapping[SiteLayer, Value] | None:
        """What a path's receivers read, where that was found for several paths at once."""

    def value(self, source: ValueSource, where: SiteLayer) -> Value:
        """The value at a layer's site in another run of the batch, [prompt, ...]."""

    def vectors(self, direction: Direction) -> Mapping[int, Vector]:
        """{layer: [d_model]}, in float64."""

    def dictionary(self, ref: DictionaryRef) -> LoadedDictionary:
        """The dictionary, on the device of the run."""

    def feature_means(self, intervention: EditFeatures) -> Value:
        """[prompt, pos, feature]: the mean activations of its features over its stream."""

    def refuse(self, wrong: Tensor, error: Callable[[], Exception]) -> None:
        """Raise what `error` makes, if the only number of `wrong` is not 0. That is looked at when the batch ends, since to
        look at once is to wait for the device."""


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
        found = kernel(intervention, replace(batch), sources)  # its own: the proof counts on what this one has made
        made = list(found) if isinstance(found, Iterable) else [found]
        if not all(isinstance(each, Write) for each in made):
            raise BadIntervention(
                f"the kernel of {kind.__name__} gave {type(found).__name__}; expected a list of Write, one for each layer's "
                f"site that it declares. Does it return anything?"
            )
        return [replace(each, function=partial(_written, kind, each.function)) for each in made]

    writes_of.register(kind)(checked)


def _written(kind: type, function: Callable[[Value], Value | None], value: Value) -> Value:
    """Raises BadIntervention for a write that gives nothing."""
    found = function(value)
    if found is None:
        raise BadIntervention(
            f"a write of the kernel of {kind.__name__} returned None: its function gets the value of a layer's site and "
            f"must return the tensor that takes its place. Is a `return` missing?"
        )
    return found


KERNELS.take_over(_own)


def writes_of_values(
    sites: tuple[tuple[Site, At], ...], batch: Batch, value_of: Callable[[SiteLayer], Value | None]
) -> list[Write]:
    """Writes that put other values in place of those of `sites`, each at its own positions. `value_of(layer's site)` gives
    them, [prompt, ...]; None stands for zeros."""
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


def _replace(value: Value, *, places: list[tuple[Any, ...]], source: Value | None) -> Value:
    if source is not None and source.shape != value.shape:
        raise ValueError(f"a source of shape {tuple(source.shape)} cannot replace values of shape {tuple(value.shape)}")
    written = value.clone()
    for where in places:
        written[where] = 0 if source is None else source[where].to(value)
    return written
