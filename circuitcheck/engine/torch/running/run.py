"""One plan on one loaded model: the passes that it needs, batch by batch."""

from collections.abc import Iterable

import torch

from circuitcheck.digest import digest
from circuitcheck.engine.protocol import Look, Table
from circuitcheck.engine.torch.dictionaries.pool import DictionaryPool
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.proof.receipts import Proof
from circuitcheck.engine.torch.proof.watch import watched
from circuitcheck.engine.torch.running.graph import Node, graph_of
from circuitcheck.engine.torch.running.graph_run import GraphRun, Watch
from circuitcheck.engine.torch.running.groups import USUAL, Asked, AtOnce
from circuitcheck.engine.torch.running.lengths import take_many_lengths
from circuitcheck.engine.torch.running.measured import Measured
from circuitcheck.engine.torch.running.model_runs import ModelRuns, Recordings
from circuitcheck.engine.torch.running.references import Directions, Means, References, rendered
from circuitcheck.engine.torch.running.sharing import Texts, texts_of
from circuitcheck.engine.torch.sites.access import of_part
from circuitcheck.engine.torch.sites.batch import Batch, by_size, in_parts
from circuitcheck.engine.torch.sites.shapes import Value
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.errors import BadTask, VacuousIntervention
from circuitcheck.notices import say_done
from circuitcheck.places import Architecture, Site
from circuitcheck.plan import (
    CLEAN,
    Plan,
    Reading,
)
from circuitcheck.prompts import Prompt


class Run:
    """One plan on one loaded model. Passes start from `recordings` where that is less work; with None they are whole.
    `watch` puts the proof around an intervention's writes: only a benchmark, which asks what that costs, gives another."""

    def __init__(
        self,
        loaded: LoadedModel,
        plan: Plan,
        means: Means,
        directions: Directions,
        dictionaries: DictionaryPool,
        recordings: Recordings | None = None,
        watch: Watch = watched,
        at_once: AtOnce = USUAL,
    ) -> None:
        self._loaded, self._plan, self._watch, self._recordings = loaded, plan, watch, recordings
        self._at_once = at_once
        self.references = References(loaded, plan, means, directions, dictionaries)

    def table(self, rows: range) -> Table:
        """Measure prompts `rows`: those of one length together, or of about one, `plan.batch` at a time."""
        prompts = rendered(self._plan, self._loaded, self._plan.prompts, rows)
        runs = ModelRuns(self._loaded, self._recordings, self._plan.batch)
        with Fetching() as fetching:
            measured = Measured(self._plan, len(prompts), fetching)
            passes = GraphRun(self._loaded, self.references, self._watch, runs, fetching, self._at_once)
            for reading in sorted({cell.metric.reads for cell in self._plan.cells}):
                self._measure(reading, prompts, rows.start, passes, runs, measured)
        count = runs.count + self.references.passes
        digests = tuple(digest(prompt.tokens) for prompt in prompts)
        return Table(measured.values, measured.receipts(), count, digests, runs.work)

    def _measure(
        self,
        reading: Reading,
        prompts: tuple[Prompt, ...],
        first: int,
        passes: GraphRun,
        runs: ModelRuns,
        measured: Measured,
    ) -> None:
        """The cells whose metrics read so. `first` is the number of the first prompt in its stream."""
        cells = {number: cell for number, cell in enumerate(self._plan.cells) if cell.metric.reads == reading}
        graph, asked = graph_of(cells, self.architecture), self._asked(reading)
        run_on = runs.may_run_on if self._takes_many_lengths(graph, asked, reading) else None
        for texts in texts_of(prompts, reading, graph, self._plan.batch, self._loaded.device, run_on):
            _check_bases({cell.view.base for cell in cells.values()}, texts.run)
            so_far = first + max(texts.indices) + 1
            kept = asked if asked and runs.has_room(so_far * _runs_of(asked), texts.run.width) else None
            for found in passes.shown(graph, cells, texts, kept):
                measured.add(found, cells, texts.indices)
                say_done(len(found[0].cells) * len(texts.indices))
            measured.fetch()

    def _takes_many_lengths(self, graph: list[Node], asked: Asked | None, reading: Reading) -> bool:
        nodes = graph if asked is None else [*graph, *asked[0]]
        metrics = [cell.metric for cell in (*self._plan.cells, *self._plan.question)]
        return self._recordings is not None and reading == "logits" and take_many_lengths(nodes, metrics)

    def _asked(self, reading: Reading) -> Asked | None:
        """What was asked for together with the plan's cells, and reads the same; None where the plan does not say."""
        cells = dict(enumerate(cell for cell in self._plan.question if cell.metric.reads == reading))
        return (graph_of(cells, self.architecture), cells) if cells else None

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
        runs, cells = ModelRuns(self._loaded, None, self._plan.batch), {0: cell}
        with Fetching() as fetching:
            passes = GraphRun(self._loaded, self.references, self._watch, runs, fetching)
            for indices in in_parts(groups, self._plan.batch):
                batch = Batch(tuple(prompts[i] for i in indices), self._loaded.device)
                _check_bases({cell.view.base}, batch)
                graph = graph_of(cells, self.architecture)
                for node, seen, changes in passes.shown(graph, cells, Texts(batch, batch, indices)):
                    if node.cells:
                        proof.add(indices, changes, batch)
                        for row, index in enumerate(indices):
                            shown[index] = seen.logits[row].float().cpu()
                        for site in sites:
                            values[site].append(of_part(site, seen.sites[site.kind, site.layer]).float().cpu())
        together = {site: torch.cat(found) for site, found in values.items()}
        return Look(torch.stack(shown), together, proof.receipts(self._plan), runs.count + self.references.passes)

    @property
    def architecture(self) -> Architecture:
        return self._loaded.card.architecture


def _runs_of(asked: Asked) -> int:
    """On how many different tokens a prompt is run."""
    return len({node.run.tokens for node in asked[0]})


def _check_bases(bases: Iterable[str], batch: Batch) -> None:
    """Raises VacuousIntervention for counterfactuals that are the prompts themselves."""
    for base in sorted(bases):
        if base != CLEAN and len(batch.prompts) > 1 and torch.equal(batch.on_host(base), batch.on_host(CLEAN)):
            raise VacuousIntervention(
                f"the counterfactual {base!r} is the prompt itself for all {len(batch.prompts)} prompts like "
                f"{batch.prompts[0].text!r}: a view on it is the untouched model. Define one that changes something."
            )
