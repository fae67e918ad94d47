"""What the kernel of one intervention may ask for that is not in its own pass."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.readouts import Seen
from circuitcheck.engine.torch.running.graph import Pass
from circuitcheck.engine.torch.running.references import References
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Value, Vector
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.places import Architecture, site_kind
from circuitcheck.plan import DictionaryRef, Direction, EditFeatures, PatchPath, Resample, StreamMean, ValueSource


class Rerun(Protocol):
    """The values of sites in one more pass of a batch, with these writes."""

    def __call__(
        self, batch: Batch, tokens: str | Resample, writes: Iterable[Write], wanted: Iterable[SiteLayer]
    ) -> dict[SiteLayer, Value]: ...


@dataclass(frozen=True)
class PassSources:
    """For an intervention in the pass `so_far` up to it, whose writes are `before`. `shown` is what other passes of the
    batch show, `of_path` what the receivers of this path read, where it is known. Values begin at the first token that is
    run."""

    references: References
    architecture: Architecture
    run_again: Rerun
    batch: Batch
    shown: Mapping[Pass, Seen]
    so_far: Pass
    fetching: Fetching
    before: tuple[Write, ...] = ()
    of_path: Mapping[SiteLayer, Value] | None = None

    def held_still(self, wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
        return {where: self._from_start(where, self.shown[self.so_far].sites[where]) for where in wanted}

    def rerun(self, writes: Iterable[Write], wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
        return self.run_again(self.batch, self.so_far.tokens, (*self.before, *writes), wanted)

    def told(self, path: PatchPath) -> Mapping[SiteLayer, Value] | None:  # noqa: ARG002 - the one that this is made for
        return self.of_path

    def value(self, source: ValueSource, where: SiteLayer) -> Value:
        if isinstance(source, StreamMean):
            means = self.references.mean(source, where[0])
            return self._from_start(where, means.rows(where[1], self.batch.prompts, self.batch.width))
        return self._from_start(where, self.shown[Pass(source)].sites[where])

    def vectors(self, direction: Direction) -> Mapping[int, Vector]:
        return self.references.vectors(direction)

    def dictionary(self, ref: DictionaryRef) -> LoadedDictionary:
        return self.references.dictionary(ref)

    def feature_means(self, intervention: EditFeatures) -> Value:
        if not isinstance(intervention.stream, StreamMean):
            raise ValueError(f"{intervention.describe()} is not bound to a task yet")
        means = self.references.mean(intervention.stream, intervention.features)
        return means.rows(0, self.batch.prompts, self.batch.width)[:, self.batch.start :]

    def refuse(self, wrong: Tensor, error: Callable[[], Exception]) -> None:
        self.fetching.refuse(wrong, error)

    def _from_start(self, where: SiteLayer, value: Value) -> Value:
        start = self.batch.start
        return (value[:, :, start:] if site_kind(where[0]).of_queries else value[:, start:]).contiguous()
