"""The passes of a graph on one batch of texts after another: whole ones, shortened ones, and several side by side."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from circuitcheck.engine.torch.kernels import writes_of
from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.proof.features import Firing
from circuitcheck.engine.torch.proof.watch import Change
from circuitcheck.engine.torch.readouts import Seen
from circuitcheck.engine.torch.running.graph import Node, Pass
from circuitcheck.engine.torch.running.groups import Group, groups_of
from circuitcheck.engine.torch.running.references import References
from circuitcheck.engine.torch.running.sharing import Texts
from circuitcheck.engine.torch.running.sources import PassSources
from circuitcheck.engine.torch.shortened.parity import Ways, ways_of
from circuitcheck.engine.torch.shortened.passes import Shown, recorded_pass, short_passes, whole_pass
from circuitcheck.engine.torch.shortened.recording import Recording
from circuitcheck.engine.torch.shortened.shortcut import Shortcut
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import Tokens, Value
from circuitcheck.errors import BadTask
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.plan import CLEAN, Cell, EditFeatures, Intervention, Resample, StreamMean

Watch = Callable[[Intervention, Batch, Iterable[Write], Change], list[Write]]
Recordings = LeastRecentlyUsed[tuple[str, tuple[int, ...], bytes], Recording]  # by fingerprint, and tokens
Found = tuple[Node, Seen, list[Change]]


class GraphRun:
    """`watch` puts the proof around an intervention's writes. `recordings` are kept from plan to plan; with None, all passes
    are whole. `passes` counts prompts."""

    def __init__(self, loaded: LoadedModel, references: References, watch: Watch, recordings: Recordings | None) -> None:
        self._loaded, self._references, self._watch, self._recordings = loaded, references, watch, recordings
        self.passes = 0

    def shown(self, graph: list[Node], cells: Mapping[int, Cell], texts: Texts) -> Iterator[Found]:
        """Each node with what its pass shows and what its interventions changed. Values are let go of when no pass that is
        still to come takes them."""
        ways = self._ways(texts.run)
        shown: dict[Pass, Seen] = {}
        takers = Counter(source for node in graph for source in node.takes_from)
        for group in groups_of(graph, cells, texts.run, ways, self._loaded.card.architecture.n_layers):
            for node, seen, changes in self._together(group, texts, shown, ways):
                if takers[node.run]:
                    shown[node.run] = seen
                clean = shown.get(Pass(CLEAN), seen)
                yield node, replace(seen, clean=clean.logits), changes
                for source in node.takes_from:
                    takers[source] -= 1
                    if not takers[source]:
                        del shown[source]
        if self._recordings is not None:
            self._recordings.trim()

    def _ways(self, batch: Batch) -> Ways:
        if self._recordings is None:
            return Ways()
        tokens, n_ctx = batch.tokens(CLEAN), self._loaded.card.architecture.n_ctx
        return ways_of(self._loaded.model, self._loaded.card.ref, tokens, n_ctx)

    def _together(self, group: Group, texts: Texts, shown: Mapping[Pass, Seen], ways: Ways) -> list[Found]:
        start = group.shortcut.start if group.shortcut else 0
        batch, rows = (replace(each, start=start) for each in (texts.run, texts.rows))
        changes = [[self._change(each, batch) for each in node.run.interventions] for node in group.nodes]
        writes = [self._writes(node.run, batch, shown, own) for node, own in zip(group.nodes, changes, strict=True)]
        logits, kept = self._run(group, batch, rows, writes, ways)
        copies = len(group.nodes)
        parts = zip(logits.chunk(copies), *(value.chunk(copies) for value in kept.values()), strict=True)
        seen = [
            Seen(rows.by_prompt(own), rows, dict(zip(kept, values, strict=True)), dictionary=self._references.dictionary)
            for own, *values in parts
        ]
        return list(zip(group.nodes, seen, changes, strict=True))

    def _run(self, group: Group, batch: Batch, rows: Batch, writes: list[list[Write]], ways: Ways) -> Shown:
        run, wanted = group.nodes[0].run, {where for node in group.nodes for where in node.keeps}
        if group.shortcut is not None:
            return self._short(run.tokens, batch, rows, writes, wanted, group.shortcut, ways)
        tokens = self._tokens(batch, run.tokens)
        self.passes += len(batch.prompts)
        if group.records:
            logits, kept, recording = recorded_pass(
                self._loaded.model, tokens, wanted, rows.read, answers=ways.answers, with_cache=ways.tokens
            )
            self._keep(tokens, recording)
            return logits, kept
        return whole_pass(self._loaded.model, tokens, writes[0], wanted, rows.read, answers=ways.answers)

    def _short(
        self,
        of: str | Resample,
        batch: Batch,
        rows: Batch,
        writes: list[list[Write]],
        wanted: Iterable[SiteLayer],
        shortcut: Shortcut,
        ways: Ways,
    ) -> Shown:
        tokens = self._tokens(batch, of)
        recording = self._recording(tokens, ways)
        self.passes += len(batch.prompts) * len(writes)
        model = self._loaded.model
        return short_passes(
            model, tokens, writes, wanted, rows.read, shortcut=shortcut, recording=recording, answers=ways.answers
        )

    def _recording(self, tokens: Tokens, ways: Ways) -> Recording:
        assert self._recordings is not None
        key = self._key(tokens)
        if key not in self._recordings:
            last = tokens.new_zeros(1), tokens.new_full((1,), tokens.shape[1] - 1)
            *_, recording = recorded_pass(self._loaded.model, tokens, (), last, answers=ways.answers, with_cache=ways.tokens)
            self.passes += len(tokens)
            self._keep(tokens, recording)
        return self._recordings[key]

    def _keep(self, tokens: Tokens, recording: Recording) -> None:
        assert self._recordings is not None
        self._recordings[self._key(tokens)] = recording

    def _key(self, tokens: Tokens) -> tuple[str, tuple[int, ...], bytes]:
        return self._loaded.card.ref.fingerprint, tuple(tokens.shape), tokens.cpu().numpy().tobytes()

    def _writes(self, run: Pass, batch: Batch, shown: Mapping[Pass, Seen], changes: list[Change]) -> list[Write]:
        """Those of all interventions of a pass, each looked at while it acts. Raises BadTask for a mean that would have to
        be written after the prompts' own tokens."""
        _check_width(run.interventions, batch)
        plain: list[Write] = []
        writes: list[Write] = []
        for step, (intervention, change) in enumerate(zip(run.interventions, changes, strict=True)):
            so_far = Pass(run.tokens, run.interventions[:step])
            architecture = self._loaded.card.architecture
            sources = PassSources(self._references, architecture, self._again, batch, shown, so_far, tuple(plain))
            made = writes_of(intervention, batch, sources)
            plain += made
            writes += self._watch(intervention, batch, made, change)
        return writes

    def _change(self, intervention: Intervention, batch: Batch) -> Change:
        """Nothing so far."""
        change = Change(len(batch.prompts), batch.span)
        if isinstance(intervention, EditFeatures):
            change.firing = Firing(intervention, self._references.dictionary(intervention.through), batch)
        return change

    def _again(
        self, batch: Batch, tokens: str | Resample, writes: Iterable[Write], wanted: Iterable[SiteLayer]
    ) -> dict[SiteLayer, Value]:
        self.passes += len(batch.prompts)
        return whole_pass(self._loaded.model, self._tokens(batch, tokens), writes, wanted, batch.read, answers=False)[1]

    def _tokens(self, batch: Batch, tokens: str | Resample) -> Tokens:
        return batch.tokens(tokens) if isinstance(tokens, str) else self._references.tokens(batch, tokens)


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
