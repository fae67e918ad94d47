"""The passes of a graph on one batch of texts after another: whole ones, shortened ones, and several side by side."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from circuitcheck.engine.torch.kernels import writes_of
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.proof.features import Firing
from circuitcheck.engine.torch.proof.watch import Change
from circuitcheck.engine.torch.readouts import Seen
from circuitcheck.engine.torch.running.graph import Node, Pass
from circuitcheck.engine.torch.running.groups import USUAL, Asked, AtOnce, Group, groups_of
from circuitcheck.engine.torch.running.model_runs import ModelRuns
from circuitcheck.engine.torch.running.paths import Told, told_to_receivers
from circuitcheck.engine.torch.running.references import References
from circuitcheck.engine.torch.running.sharing import Texts
from circuitcheck.engine.torch.running.sources import PassSources
from circuitcheck.engine.torch.shortened.parity import Ways
from circuitcheck.engine.torch.shortened.passes import Read, Shown
from circuitcheck.engine.torch.shortened.shortcut import Shortcut, reads_sites_alone
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Index, Tokens, Value
from circuitcheck.engine.torch.transfer.fetching import Fetching
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadTask
from circuitcheck.plan import CLEAN, Cell, EditFeatures, Intervention, LogitDiff, PatchPath, Resample, StreamMean

_WITHIN = "it is run within an intervention, which may act anywhere in it"
Watch = Callable[[Intervention, Batch, Iterable[Write], Change], list[Write]]
Found = tuple[Node, Seen, list[Change]]


class GraphRun:
    """`watch` puts the proof around an intervention's writes. What is wrong with them is found out when `fetching` ends."""

    def __init__(
        self,
        loaded: LoadedModel,
        references: References,
        watch: Watch,
        runs: ModelRuns,
        fetching: Fetching,
        at_once: AtOnce = USUAL,
    ) -> None:
        self._loaded = loaded
        self._architecture, self._references, self._watch, self._runs = loaded.card.architecture, references, watch, runs
        self._fetching, self._at_once = fetching, at_once

    def shown(
        self, graph: list[Node], cells: Mapping[int, Cell], texts: Texts, asked: Asked | None = None
    ) -> Iterator[Found]:
        """Each node with what its pass shows and what its interventions changed. Values are let go of when no pass that is
        still to come takes them. `asked` is more than this graph, where that is known otherwise."""
        ways = self._runs.ways(texts.run, scarce=self._at_once != USUAL)
        shown: dict[Pass, Seen] = {}
        takers = Counter(source for node in graph for source in node.takes_from)
        n_layers = self._architecture.n_layers
        for group in groups_of(graph, cells, texts.run, ways, n_layers, self._at_once, asked):
            for node, seen, changes in self._together(group, _ids_read(group, cells, texts.rows), texts, shown, ways):
                if takers[node.run]:
                    shown[node.run] = seen
                clean = shown.get(Pass(CLEAN), seen)
                yield node, replace(seen, clean=clean.logits), changes
                for source in node.takes_from:
                    takers[source] -= 1
                    if not takers[source]:
                        del shown[source]
        self._runs.trim()

    def _together(
        self, group: Group, ids: Index | None, texts: Texts, shown: Mapping[Pass, Seen], ways: Ways
    ) -> list[Found]:
        start = group.shortcut.start if group.shortcut else 0
        batch, rows = (each.begun_at(start) for each in (texts.run, texts.rows))
        changes = [[self._change(each, batch) for each in node.run.interventions] for node in group.nodes]
        again = _Again(self._runs, group.shortcut, ways, self._tokens)
        told = self._told(group, batch, shown, ways)
        writes = [
            self._writes(node.run, batch, shown, own, again, told.get(number))
            for number, (node, own) in enumerate(zip(group.nodes, changes, strict=True))
        ]
        read = self._runs.read(rows, ways, ids)
        logits, kept = self._run(group, batch, read, writes, ways)
        copies = len(group.nodes)
        parts = zip(logits.chunk(copies), *(value.chunk(copies) for value in kept.values()), strict=True)
        seen = [
            Seen(
                rows.by_prompt(own),
                rows,
                dict(zip(kept, values, strict=True)),
                dictionary=self._references.dictionary,
                ids=read.ids,
                loaded=self._loaded,
                ask=self._fetching.ask,
            )
            for own, *values in parts
        ]
        return list(zip(group.nodes, seen, changes, strict=True))

    def _run(self, group: Group, batch: Batch, read: Read, writes: list[list[Write]], ways: Ways) -> Shown:
        wanted = {where for node in group.nodes for where in node.keeps}
        tokens = self._tokens(batch, group.nodes[0].run.tokens)
        if group.shortcut is not None:
            return self._runs.short(tokens, writes, wanted, read, group.shortcut, ways)
        if group.records or (not group.nodes[0].run.interventions and self._runs.has_run(tokens)):
            return self._runs.untouched(tokens, wanted, read, ways)
        return self._runs.whole(tokens, writes[0], wanted, read, group.why)

    def _writes(
        self,
        run: Pass,
        batch: Batch,
        shown: Mapping[Pass, Seen],
        changes: list[Change],
        again: "_Again",
        told: Told | None,
    ) -> list[Write]:
        """Those of all interventions of a pass, each looked at while it acts. Raises BadTask for a mean that would have to
        be written after the prompts' own tokens."""
        _check_width(run.interventions, batch)
        plain: list[Write] = []
        writes: list[Write] = []
        for step, (intervention, change) in enumerate(zip(run.interventions, changes, strict=True)):
            so_far = Pass(run.tokens, run.interventions[:step])
            own = again if type(intervention) is PatchPath else replace(again, shortcut=None)
            of_path = None if step else told
            sources = PassSources(
                self._references, self._architecture, own, batch, shown, so_far, self._fetching, tuple(plain), of_path
            )
            made = writes_of(intervention, batch, sources)
            plain += made
            writes += self._watch(intervention, batch, made, change)
        return writes

    def _told(self, group: Group, batch: Batch, shown: Mapping[Pass, Seen], ways: Ways) -> dict[int, Told]:
        if group.shortcut is None:
            return {}
        again = _Again(self._runs, None, ways, self._tokens)
        so_far = Pass(group.nodes[0].run.tokens)
        sources = PassSources(self._references, self._architecture, again, batch, shown, so_far, self._fetching)
        tokens = self._tokens(batch, so_far.tokens)
        return told_to_receivers(group.nodes, batch, sources, tokens, self._runs, ways)

    def _change(self, intervention: Intervention, batch: Batch) -> Change:
        """Nothing so far."""
        change = Change(batch, self._fetching)
        if isinstance(intervention, EditFeatures):
            change.firing = Firing(intervention, self._references.dictionary(intervention.through), batch)
        return change

    def _tokens(self, batch: Batch, tokens: str | Resample) -> Tokens:
        return batch.on_host(tokens) if isinstance(tokens, str) else self._references.tokens(batch, tokens)


@dataclass(frozen=True)
class _Again:
    """One more pass for an intervention of a group: for a path's shortened as the group's are, whose senders are known. A
    kernel of a user's may write and read anywhere in it."""

    runs: ModelRuns
    shortcut: Shortcut | None
    ways: Ways
    tokens_of: Callable[[Batch, str | Resample], Tokens]

    def __call__(
        self, batch: Batch, tokens: str | Resample, writes: Iterable[Write], wanted: Iterable[SiteLayer]
    ) -> dict[SiteLayer, Value]:
        ids, made, sites = self.tokens_of(batch, tokens), list(writes), set(wanted)
        read = self.runs.read(batch, self.ways)
        if self.shortcut is None:
            return self.runs.whole(ids, made, sites, read, _WITHIN)[1]
        first, stop = self.shortcut.layer, 1 + max(layer for _, layer in sites)
        reached = [write for write in made if first <= write.layer < stop]
        return self.runs.short(ids, [reached], sites, read, replace(self.shortcut, stop=stop), self.ways)[1]


def _ids_read(group: Group, cells: Mapping[int, Cell], rows: Batch) -> Index | None:
    """The words of the vocabulary that the metrics of a group's passes read at END, and one where they read none; None for
    all."""
    metrics = [cells[number].metric for node in group.nodes for number in node.cells]
    compared = any(cell.metric.compares_with_clean for cell in cells.values())
    of_logits = [metric for metric in metrics if not reads_sites_alone(metric)]
    if compared or any(type(metric) is not LogitDiff for metric in of_logits) or rows.reading != "logits":
        return None
    compares = rows.prompts if of_logits else ()
    ids = {ids[0] for prompt in compares for ids in (prompt.answer_ids, prompt.distractor_ids) if ids}
    return sent(sorted(ids or {0}), rows.device)


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
