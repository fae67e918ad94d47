"""One plan on one loaded model, block by block."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from circuitcheck.digest import digest
from circuitcheck.engine.protocol import ModelCard, Receipt, Table
from circuitcheck.engine.torch import paths  # noqa: F401 - registers its kernel
from circuitcheck.engine.torch.batch import Batch, by_size, continuation
from circuitcheck.engine.torch.directions import Vectors, vectors_of
from circuitcheck.engine.torch.donors import Donors
from circuitcheck.engine.torch.hooks import hooked
from circuitcheck.engine.torch.kernels import writes_of
from circuitcheck.engine.torch.loaded import LoadedModel
from circuitcheck.engine.torch.proof import Change, watched
from circuitcheck.engine.torch.readouts import Seen, finite_or_nan
from circuitcheck.engine.torch.sites import SiteLayer, Write, hooks_that_read, hooks_that_write
from circuitcheck.engine.torch.sources import StreamMeans, activations, forward, stream_means
from circuitcheck.errors import BadIntervention, BadTask, VacuousIntervention
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.plan import (
    CLEAN,
    Architecture,
    Direction,
    KindName,
    Metric,
    Plan,
    Resample,
    Site,
    Source,
    StreamMean,
    View,
)
from circuitcheck.prompts import Prompt

Means = LeastRecentlyUsed[tuple[str, StreamMean, str], StreamMeans]  # by fingerprint of the model, source, kind of site
Directions = LeastRecentlyUsed[str, Vectors]
Runs = Mapping[tuple[str | Resample, SiteLayer], torch.Tensor]


def _check_width(view: View, batch: Batch) -> None:
    """Raises BadTask where a mean would have to be written after the prompts' own tokens."""
    if batch.width == batch.length:
        return
    for intervention in view.interventions:
        for need in intervention.needs:
            if isinstance(need.source, StreamMean) and need.source.by == "template" and not isinstance(need.at, tuple):
                raise BadTask(
                    f"{intervention.describe()}: the tokens of an answer have no mean to be replaced by, and this metric "
                    f"reads answers of several tokens. Name positions (at=), or use another kind of ablation."
                )


def _check_base(view: View, batch: Batch) -> None:
    """Raises VacuousIntervention for a view on counterfactuals that are the prompts themselves."""
    if view.base != CLEAN and len(batch.prompts) > 1 and torch.equal(batch.tokens(view.base), batch.tokens(CLEAN)):
        raise VacuousIntervention(
            f"the counterfactual {view.base!r} is the prompt itself for all {len(batch.prompts)} prompts like "
            f"{batch.prompts[0].text!r}: a view on it is the untouched model. Define one that changes something."
        )


@dataclass(frozen=True)
class _BatchSources:
    """What the kernels of one batch may ask for."""

    run: "Run"
    batch: Batch
    runs: Runs
    base: str
    before: tuple[Write, ...]

    @property
    def architecture(self) -> Architecture:
        return self.run.card.architecture

    def rerun(self, writes: Iterable[Write], wanted: Iterable[SiteLayer]) -> dict[SiteLayer, torch.Tensor]:
        return self.run.rerun(self.batch, self.base, (*self.before, *writes), wanted)

    def value(self, source: Source, where: SiteLayer) -> torch.Tensor:
        if isinstance(source, StreamMean):
            return self.run.mean(source, where[0]).rows(where[1], self.batch.prompts, self.batch.width)
        return self.runs[source, where]

    def vectors(self, direction: Direction) -> Vectors:
        return self.run.vectors(direction)


def _less(size: int) -> str:
    return f"Say n={size} or fewer." if size > 1 else "Give it more prompts: of a file, a quarter goes to that stream."


class Run:
    """One plan on one loaded model."""

    def __init__(
        self,
        loaded: LoadedModel,
        plan: Plan,
        means: "Means",
        directions: "Directions",
    ) -> None:
        self._loaded, self._plan, self._means, self._directions = loaded, plan, means, directions
        self._views = {cell.view.digest: cell.view for cell in plan.cells}
        self._donors: dict[Resample, Donors] = {}
        self._passes = 0
        self._moved: dict[tuple[str, int], set[Site]] = {}  # in this block

    def block(self, block: range, keep: range) -> Table:
        """Run the prompts of `block`, report those of `keep`."""
        self._passes = 0
        prompts = self._prompts(self._plan.stream, self._plan.seed, block)
        values = np.full((len(self._plan.cells), len(prompts)), np.nan)
        changes = {
            (key, step): np.zeros(len(prompts))
            for key, view in self._views.items()
            for step in range(len(view.interventions))
        }
        self._moved = {key: set() for key in changes}
        for reading in sorted({cell.metric.reads for cell in self._plan.cells}):
            views = {cell.view.digest: cell.view for cell in self._plan.cells if cell.metric.reads == reading}
            for indices in by_size(prompts, reading):
                batch = Batch(tuple(prompts[i] for i in indices), self._loaded.device, reading)
                sources = self._other_runs(batch, views)
                clean = self._clean_logits(batch)
                for key, view in views.items():
                    wanted = {
                        row: cell.metric
                        for row, cell in enumerate(self._plan.cells)
                        if cell.view.digest == key and cell.metric.reads == reading
                    }
                    seen, changed = self._forward(view, batch, sources, wanted.values())
                    for row, metric in wanted.items():
                        values[row, indices] = finite_or_nan(metric, replace(seen, clean=clean)).cpu().numpy()
                    for step, change in enumerate(changed):
                        changes[key, step][indices] = change.relative().numpy()
                        self._moved[key, step] |= change.moved
        window = slice(keep.start - block.start, keep.stop - block.start)
        receipts = {key: self._receipts(view, key, changes, window) for key, view in self._views.items()}
        return Table(values[:, window], tuple(receipts[cell.view.digest] for cell in self._plan.cells), self._passes)

    def _clean_logits(self, batch: Batch) -> torch.Tensor | None:
        """Of the untouched clean run, where a metric compares with it."""
        if not any(cell.metric.compares_with_clean for cell in self._plan.cells):
            return None
        return self._forward(View(self._plan.model), batch, {}, ())[0].logits

    def _forward(self, view: View, batch: Batch, sources: Runs, metrics: Iterable[Metric]) -> tuple[Seen, list[Change]]:
        """What metrics read, and what each intervention changed."""
        _check_width(view, batch)
        _check_base(view, batch)
        changes = [Change(len(batch.prompts)) for _ in view.interventions]
        plain: list[Write] = []
        writes: list[Write] = []
        for intervention, change in zip(view.interventions, changes, strict=True):
            made = writes_of(intervention, batch, _BatchSources(self, batch, sources, view.base, tuple(plain)))
            plain += made
            writes += watched(intervention, batch, made, change)
        kept: dict[SiteLayer, torch.Tensor] = {}
        looked_at = {(site.kind, site.layer) for metric in metrics for site in metric.sites}
        hooks = hooks_that_write(self._loaded.model, writes) + hooks_that_read(self._loaded.model, looked_at, kept)
        with hooked(self._loaded.model, hooks):
            logits = forward(self._loaded.model, batch.tokens(view.base))
        self._passes += len(batch.prompts)
        return Seen(batch.read_from(logits), batch, kept), changes

    def _other_runs(self, batch: Batch, views: Mapping[str, View]) -> dict[tuple[str | Resample, SiteLayer], torch.Tensor]:
        """The values that views take from other runs; one run for each source, shared by all views."""
        wanted: dict[str | Resample, set[SiteLayer]] = {}
        for view in views.values():
            for need in (need for intervention in view.interventions for need in intervention.needs):
                if not isinstance(need.source, StreamMean):
                    wanted.setdefault(need.source, set()).add((need.site.kind, need.site.layer))
        found = {}
        for source, places in wanted.items():
            kept = activations(self._loaded.model, self._tokens(batch, source), places)
            self._passes += len(batch.prompts)
            found.update({(source, place): value for place, value in kept.items()})
        return found

    def _tokens(self, batch: Batch, source: str | Resample) -> torch.Tensor:
        if isinstance(source, str):
            return batch.tokens(source)
        if source not in self._donors:
            size = self._reference_size(source)
            self._donors[source] = Donors(source, size, lambda rows: self._prompts("reference", source.seed, rows))
        return batch.followed(self._donors[source].of(prompt).tokens for prompt in batch.prompts)

    def _reference_size(self, source: StreamMean | Resample) -> int:
        """Of the stream that values are taken from. Raises BadTask for that of another task, or more prompts than it has."""
        what = "a mean over" if isinstance(source, StreamMean) else "resampling from"
        if source.task != self._plan.task.origin:
            raise BadTask(f"{what} another task than {self._plan.task.name!r} has no prompts of its templates.")
        size = self._plan.task.size(self._loaded.tokenizer, "reference")
        if source.n > size:
            raise BadTask(
                f"{what} n={source.n} prompts: task {self._plan.task.name!r} has {size} in its reference stream. "
                f"{_less(size)}"
            )
        return size

    def mean(self, source: StreamMean, kind: KindName) -> StreamMeans:
        key = (self._plan.model.fingerprint, source, kind)
        if key not in self._means:
            self._reference_size(source)
            prompts = self._prompts("reference", source.seed, range(source.n))
            layers = self._loaded.card.architecture.n_layers
            self._means[key] = stream_means(
                self._loaded.model, prompts, kind, layers, source.by, self._plan.batch, self._loaded.device
            )
            self._passes += len(prompts)
            self._means.trim(keep=1)
        return self._means[key]

    @property
    def card(self) -> ModelCard:
        return self._loaded.card

    def rerun(
        self, batch: Batch, base: str, writes: Iterable[Write], wanted: Iterable[SiteLayer]
    ) -> dict[SiteLayer, torch.Tensor]:
        """The values of sites in one more run of a batch."""
        kept: dict[SiteLayer, torch.Tensor] = {}
        model = self._loaded.model
        with hooked(model, hooks_that_write(model, writes) + hooks_that_read(model, wanted, kept)):
            forward(model, batch.tokens(base))
        self._passes += len(batch.prompts)
        return kept

    def vectors(self, direction: Direction) -> Vectors:
        """Raises BadIntervention for the direction of another model."""
        if direction.model.fingerprint != self._plan.model.fingerprint:
            raise BadIntervention(
                f"the {direction.describe()} was found in {direction.model}, and means nothing in {self._plan.model}."
            )
        if direction.digest not in self._directions:
            self._directions[direction.digest] = vectors_of(direction, self._loaded, self.vectors)
            self._directions.trim(keep=1)
        return self._directions[direction.digest]

    def _prompts(self, stream: str, seed: int, rows: range) -> tuple[Prompt, ...]:
        prompts: tuple[Prompt, ...] = self._plan.task.prompts(self._loaded.tokenizer, seed=seed, stream=stream, rows=rows)
        readings = {cell.metric.reads for cell in self._plan.cells}
        longest = max(len(prompt.tokens) + len(continuation(prompt, reading)) for prompt in prompts for reading in readings)
        if longest > self._loaded.card.architecture.n_ctx:
            raise BadTask(
                f"a prompt of task {self._plan.task.name!r} has {longest} tokens, and {self._plan.model} reads at most "
                f"{self._loaded.card.architecture.n_ctx}: use shorter ones (of a corpus, context=)."
            )
        return prompts

    def _receipts(
        self, view: View, key: str, changes: dict[tuple[str, int], np.ndarray], window: slice
    ) -> tuple[Receipt, ...]:
        return tuple(
            Receipt(
                digest=digest((key, step)),
                model=str(self._plan.model),
                view=view.describe(),
                intervention=intervention.describe(),
                sites=tuple(sorted({str(site) for site, _ in intervention.writes})),
                relative=tuple(changes[key, step][window].tolist()),
                allow_vacuous=intervention.allow_vacuous,
                dtype=self._plan.model.dtype,
                idle=tuple(sorted({str(site) for site, _ in intervention.writes if site not in self._moved[key, step]})),
            )
            for step, intervention in enumerate(view.interventions)
        )
