"""One plan on one loaded model: the passes that it needs, batch by batch."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from circuitcheck.digest import digest
from circuitcheck.engine.protocol import Look, Table
from circuitcheck.engine.torch.dictionaries.dictionary import LoadedDictionary
from circuitcheck.engine.torch.dictionaries.pool import DictionaryPool
from circuitcheck.engine.torch.kernels import writes_of
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.proof.features import Firing
from circuitcheck.engine.torch.proof.receipts import Proof
from circuitcheck.engine.torch.proof.watch import Change, watched
from circuitcheck.engine.torch.readouts import Seen, finite_or_nan
from circuitcheck.engine.torch.running.graph import Node, Pass, graph_of
from circuitcheck.engine.torch.running.references import Directions, Means, References, rendered
from circuitcheck.engine.torch.running.sharing import Texts, texts_of
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, hooks_that_read, hooks_that_write, of_part
from circuitcheck.engine.torch.sites.batch import Batch, by_size, in_parts
from circuitcheck.engine.torch.sites.forward import forward
from circuitcheck.engine.torch.sites.hooks import hooked
from circuitcheck.engine.torch.sites.shapes import Logits, Tokens, Value, Vector
from circuitcheck.errors import BadTask, VacuousIntervention
from circuitcheck.places import Architecture, Site
from circuitcheck.plan import (
    CLEAN,
    DictionaryRef,
    Direction,
    EditFeatures,
    Intervention,
    Plan,
    Resample,
    StreamMean,
    ValueSource,
)

Watch = Callable[[Intervention, Batch, Iterable[Write], Change], list[Write]]


class Run:
    """One plan on one loaded model. `watch` puts the proof around an intervention's writes: only a benchmark, which asks
    what that costs, gives another."""

    def __init__(
        self,
        loaded: LoadedModel,
        plan: Plan,
        means: Means,
        directions: Directions,
        dictionaries: DictionaryPool,
        watch: Watch = watched,
    ) -> None:
        self._loaded, self._plan, self._watch = loaded, plan, watch
        self.references = References(loaded, plan, means, directions, dictionaries)
        self._passes = 0

    def table(self, rows: range) -> Table:
        """Measure prompts `rows`: those of one length together, `plan.batch` at a time."""
        prompts = rendered(self._plan, self._loaded, self._plan.prompts, rows)
        values = np.full((len(self._plan.cells), len(prompts)), np.nan)
        views = {cell.view.digest: cell.view for cell in self._plan.cells}
        proofs = {key: Proof(view, len(prompts)) for key, view in views.items()}
        for reading in sorted({cell.metric.reads for cell in self._plan.cells}):
            cells = {number: cell for number, cell in enumerate(self._plan.cells) if cell.metric.reads == reading}
            graph = graph_of(cells, self.architecture)
            for texts in texts_of(prompts, reading, graph, self._plan.batch, self._loaded.device):
                _check_bases({cell.view.base for cell in cells.values()}, texts.run)
                for node, seen, changes in self._run(graph, texts):
                    for number in node.cells:
                        metric = cells[number].metric
                        shows = seen if metric.compares_with_clean else replace(seen, clean=None)
                        values[number, texts.indices] = finite_or_nan(metric, shows).cpu().numpy()
                    if node.cells:
                        proofs[cells[node.cells[0]].view.digest].add(texts.indices, changes, texts.rows)
        receipts = {key: proof.receipts(self._plan) for key, proof in proofs.items()}
        passes = self._passes + self.references.passes
        of_cells = tuple(receipts[cell.view.digest] for cell in self._plan.cells)
        return Table(values, of_cells, passes, tuple(digest(prompt.tokens) for prompt in prompts))

    def look(self, rows: range) -> Look:
        """What the plan's only cell shows of prompts `rows`. Raises BadTask for sites of prompts that differ in token
        count."""
        prompts = rendered(self._plan, self._loaded, self._plan.prompts, rows)
        (cell,) = self._plan.cells
        groups, sites = by_size(prompts, "logits"), cell.metric.sites
        if sites and len(groups) > 1:
            lengths = ", ".join(str(len(prompts[indices[0]].tokens)) for indices in groups)
            raise BadTask(f"these prompts have {lengths} tokens: values of sites are of prompts with equally many.")
        proof, shown = Proof(cell.view, len(prompts)), [torch.empty(0)] * len(prompts)
        values: dict[Site, list[Value]] = {site: [] for site in sites}
        for indices in in_parts(groups, self._plan.batch):
            batch = Batch(tuple(prompts[i] for i in indices), self._loaded.device)
            _check_bases({cell.view.base}, batch)
            for node, seen, changes in self._run(graph_of({0: cell}, self.architecture), Texts(batch, batch, indices)):
                if node.cells:
                    proof.add(indices, changes, batch)
                    for row, index in enumerate(indices):
                        shown[index] = seen.logits[row].float().cpu()
                    for site in sites:
                        values[site].append(of_part(site, seen.sites[site.kind, site.layer]).float().cpu())
        together = {site: torch.cat(found) for site, found in values.items()}
        passes = self._passes + self.references.passes
        return Look(torch.stack(shown), together, proof.receipts(self._plan), passes)

    def _run(self, graph: list[Node], texts: Texts) -> Iterator[tuple[Node, Seen, list[Change]]]:
        """Each node with what its pass shows and what its interventions changed. Values are let go of when no pass that is
        still to come takes them."""
        shown: dict[Pass, Seen] = {}
        takers = Counter(source for node in graph for source in node.takes_from)
        for node in graph:
            seen, changes = self._pass(node, texts, shown)
            if takers[node.run]:
                shown[node.run] = seen
            clean = shown.get(Pass(CLEAN), seen)
            yield node, replace(seen, clean=clean.logits), changes
            for source in node.takes_from:
                takers[source] -= 1
                if not takers[source]:
                    del shown[source]

    def _pass(self, node: Node, texts: Texts, shown: Mapping[Pass, Seen]) -> tuple[Seen, list[Change]]:
        batch = texts.run
        _check_width(node.run.interventions, batch)
        changes = [self._change(intervention, batch) for intervention in node.run.interventions]
        plain: list[Write] = []
        writes: list[Write] = []
        for step, (intervention, change) in enumerate(zip(node.run.interventions, changes, strict=True)):
            so_far = Pass(node.run.tokens, node.run.interventions[:step])
            made = writes_of(intervention, batch, _Values(self, batch, shown, so_far, tuple(plain)))
            plain += made
            writes += self._watch(intervention, batch, made, change)
        logits, kept = self.forward(batch, node.run.tokens, writes, node.keeps)
        return Seen(texts.rows.read_from(logits), texts.rows, kept, dictionary=self.references.dictionary), changes

    def _change(self, intervention: Intervention, batch: Batch) -> Change:
        """Nothing so far."""
        change = Change(len(batch.prompts), batch.width)
        if isinstance(intervention, EditFeatures):
            change.firing = Firing(intervention, self.references.dictionary(intervention.through), batch)
        return change

    def forward(
        self, batch: Batch, tokens: str | Resample, writes: Iterable[Write], wanted: Iterable[SiteLayer]
    ) -> tuple[Logits, dict[SiteLayer, Value]]:
        """Logits [prompt, pos, vocab], and the values of sites, of one run of a batch."""
        kept: dict[SiteLayer, Value] = {}
        model = self._loaded.model
        with hooked(model, hooks_that_write(model, writes) + hooks_that_read(model, wanted, kept)):
            logits = forward(model, self._ids(batch, tokens))
        self._passes += len(batch.prompts)
        return logits, kept

    def _ids(self, batch: Batch, tokens: str | Resample) -> Tokens:
        return batch.tokens(tokens) if isinstance(tokens, str) else self.references.tokens(batch, tokens)

    @property
    def architecture(self) -> Architecture:
        return self._loaded.card.architecture


@dataclass(frozen=True)
class _Values:
    """What the kernel of one intervention may ask for: `so_far` is the pass up to it, `before` the writes of that."""

    run: Run
    batch: Batch
    shown: Mapping[Pass, Seen]
    so_far: Pass
    before: tuple[Write, ...]

    @property
    def architecture(self) -> Architecture:
        return self.run.architecture

    def held_still(self, wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
        return {where: self.shown[self.so_far].sites[where] for where in wanted}

    def rerun(self, writes: Iterable[Write], wanted: Iterable[SiteLayer]) -> dict[SiteLayer, Value]:
        return self.run.forward(self.batch, self.so_far.tokens, (*self.before, *writes), wanted)[1]

    def value(self, source: ValueSource, where: SiteLayer) -> Value:
        if isinstance(source, StreamMean):
            return self.run.references.mean(source, where[0]).rows(where[1], self.batch.prompts, self.batch.width)
        return self.shown[Pass(source)].sites[where]

    def vectors(self, direction: Direction) -> Mapping[int, Vector]:
        return self.run.references.vectors(direction)

    def dictionary(self, ref: DictionaryRef) -> LoadedDictionary:
        return self.run.references.dictionary(ref)

    def feature_means(self, intervention: EditFeatures) -> Value:
        if not isinstance(intervention.stream, StreamMean):
            raise ValueError(f"{intervention.describe()} is not bound to a task yet")
        means = self.run.references.mean(intervention.stream, intervention.features)
        return means.rows(0, self.batch.prompts, self.batch.width)


def _check_bases(bases: Iterable[str], batch: Batch) -> None:
    """Raises VacuousIntervention for counterfactuals that are the prompts themselves."""
    for base in sorted(bases):
        if base != CLEAN and len(batch.prompts) > 1 and torch.equal(batch.tokens(base), batch.tokens(CLEAN)):
            raise VacuousIntervention(
                f"the counterfactual {base!r} is the prompt itself for all {len(batch.prompts)} prompts like "
                f"{batch.prompts[0].text!r}: a view on it is the untouched model. Define one that changes something."
            )


def _check_width(interventions: Iterable[Intervention], batch: Batch) -> None:
    """Raises BadTask where a mean would have to be written after the prompts' own tokens."""
    if batch.width == batch.length:
        return
    for intervention in interventions:
        for need in intervention.needs:
            if isinstance(need.source, StreamMean) and need.source.by == "template" and not isinstance(need.at, tuple):
                raise BadTask(
                    f"{intervention.describe()}: the tokens of an answer have no mean to be replaced by, and this metric "
                    f"reads answers of several tokens. Name positions (at=), or use another kind of ablation."
                )
