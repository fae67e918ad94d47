"""A session measures cells: it knows what has been measured already and asks the engine for the rest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.engine.protocol import (
    DictionaryCard,
    Engine,
    Look,
    ModelCard,
    Receipt,
    Reconstructed,
    Scanned,
    Table,
    Work,
    on_most_prompts,
)
from circuitcheck.errors import BadSpec, NotComparable
from circuitcheck.extensions import load_extensions
from circuitcheck.models import BosPolicy
from circuitcheck.places import At, Position, Site
from circuitcheck.plan import Cell, DictionaryRef, MadeFor, Metric, ModelRef, Plan, Scanning, Showing, View
from circuitcheck.prompts import Labels, Prompt, PromptSource, PromptStream, Tokenizer
from circuitcheck.sampling import Noise
from circuitcheck.session.checkups import CheckUpStore
from circuitcheck.session.counterexamples import CounterexampleStore
from circuitcheck.session.dictionaries import DictionaryLooks
from circuitcheck.session.engines import MakeEngine, chosen_engine
from circuitcheck.session.judged import check_rows, check_support, halves, noise_between, other_batch, refuse_vacuous
from circuitcheck.session.known_models import KnownModels
from circuitcheck.session.ledger import Ledger
from circuitcheck.session.stored import Asked, Reuse, StoredValues
from circuitcheck.session.values import Stream, Stretch, ValueStore
from circuitcheck.settings import Settings
from circuitcheck.store import Store

_ROWS_OF_TEXTS = 8192  # rows: those of one text take one pass together
_AT_ONCE = 128  # prompts: batches are full, and progress is told
Progress = Callable[[str], None]  # told what is going on, and how many prompts of the current question are measured


@dataclass(frozen=True, eq=False)
class Measured:
    """`values` [cell, prompt] in the order of the `cells` asked for, on the prompts `rows` of a stream, whose tokens have
    the digests `prompts`."""

    cells: tuple[Cell, ...]
    rows: range
    values: NDArray[np.float64]
    receipts: tuple[Receipt, ...]
    prompts: tuple[str, ...]


@dataclass
class Session:
    """`forward_passes` counts prompts run through a model since the session began; `work` says of those that plans took how
    they were run. `asked_outside` counts the questions that no claim asked. `progress` is called after each block. With
    `checkups`, models are examined before anything is measured on them. `reused` says of each measurement what of it came
    from the store of values that the settings name."""

    settings: Settings = field(default_factory=Settings)
    make_engine: MakeEngine = chosen_engine
    progress: Progress | None = None
    forward_passes: int = 0
    work: Work = field(default_factory=Work)
    asked_outside: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    counterexamples: CounterexampleStore = field(default_factory=CounterexampleStore)
    checkups: CheckUpStore | None = None
    reused: list[Reuse] = field(default_factory=list)
    _engine: Engine | None = None
    _store: Store | None = None
    _models: KnownModels | None = None
    _values: ValueStore = field(default_factory=ValueStore)
    _noise: dict[tuple[str, str, str], Noise] = field(default_factory=dict)
    _dictionaries: DictionaryLooks | None = None

    @property
    def engine(self) -> Engine:
        """Made when it is first asked for, after extensions. Raises BadExtension."""
        if self._engine is None:
            load_extensions()
            self._engine = self.make_engine(self.settings)
        return self._engine

    @property
    def store(self) -> Store | None:
        """Of measured values, on disk; None where the settings name no folder for it."""
        folder = self.settings.store_folder
        if self._store is None and folder is not None:
            self._store = Store(folder, self.settings.store_mb)
        return self._store

    @property
    def models(self) -> KnownModels:
        """Those that were asked for."""
        if self._models is None:
            stored = None if self.store is None else StoredValues(self.store, self.engine, self.settings.engine)
            self._models = KnownModels(self.engine, stored, self.settings.device)
        return self._models

    @property
    def dictionaries(self) -> DictionaryLooks:
        """What is looked up of them."""
        if self._dictionaries is None:
            self._dictionaries = DictionaryLooks(self.models, self.settings.batch, self._count)
        return self._dictionaries

    @known_arguments
    def load(self, spec: object, *, dtype: str | None, device: str | None, bos: BosPolicy) -> ModelCard:
        """A spec's model, or a model object taken in as it is. Where the store knows a spec's, and its files have not
        changed, its weights are loaded when something must be measured."""
        if not isinstance(spec, str):
            if dtype is not None or device is not None:
                raise BadSpec("a model object is taken as it is: move or cast it first, and leave dtype and device out.")
            return self.engine.adopt(spec, bos=bos)
        return self.models.load(Asked(spec, dtype or self.settings.dtype, device or self.settings.device, bos))

    def attach(
        self, spec: object, *, reads: Site | None, writes: Site | None, made_for: MadeFor, transcoder: bool | None
    ) -> DictionaryCard:
        """The dictionary of a spec. Raises BadDictionary, CorruptCheckpoint, ModelUnavailable."""
        return self.dictionaries.attach(spec, reads=reads, writes=writes, made_for=made_for, transcoder=transcoder)

    def check_fits(self, dictionary: DictionaryRef, model: ModelRef) -> None:
        """Raises BadDictionary for one that does not belong to the model, or an engine that runs none; UnknownSite."""
        self.dictionaries.check_fits(dictionary, model)

    def tokenizer(self, model: ModelRef | str) -> Tokenizer:
        """A model's, or a spec's; no weights are loaded for it. Raises what loading a model does."""
        return self.engine.tokenizer_of(model, bos="tokenizer") if isinstance(model, str) else self.engine.tokenizer(model)

    def population(self, where: PromptStream, models: Sequence[ModelRef | str]) -> int:
        """How many prompts there are. Raises NotComparable where the models' tokenizers make different prompts."""
        shapes = {}
        if len({self.tokenizer(model).fingerprint for model in models}) > 1:
            shapes = {where.task.shape(self.tokenizer(model)): model for model in models}
        if len(shapes) > 1:
            raise NotComparable(
                f"{' and '.join(map(str, shapes.values()))} tokenize differently, so their prompts of task "
                f"{where.task.name!r} are not the same ones: values cannot be paired. task.for_models(...) keeps what fits "
                f"both."
            )
        return where.size(self.tokenizer(models[0]))

    def prompts(self, where: PromptStream, model: ModelRef | str, rows: range) -> tuple[Prompt, ...]:
        """Prompts `rows` of a stream, as this model's tokenizer makes them."""
        return where.prompts(self.tokenizer(model), rows)

    def count_groups(self, where: PromptStream, model: ModelRef | str, n: int) -> int:
        """How many groups the first `n` prompts of a stream come from, at most."""
        return where.count_groups(self.tokenizer(model), n)

    def labels(self, where: PromptStream, model: ModelRef | str, rows: range) -> tuple[Labels, ...]:
        """Which clusters prompts `rows` of a stream belong to."""
        return where.labels(self.tokenizer(model), rows)

    def noise(self, where: PromptStream, model: ModelRef, metric: Metric) -> Noise:
        """What another batch composition does to a metric of the clean model: an A/A run on the first prompts, made once for
        each model, task and metric."""
        self.find_noise(where, model, (metric,))
        return self._noise[self._noise_key(where, model, metric)]

    def find_noise(self, where: PromptStream, model: ModelRef, metrics: Iterable[Metric]) -> None:
        """That of many metrics in the same runs."""
        lacking = {each.digest: each for each in metrics if self._noise_key(where, model, each) not in self._noise}
        if not lacking:
            return
        clean = tuple(Cell(View(model), metric) for metric in lacking.values())
        rows = self.first_rows(where, [model])
        usual = self.measure(where, clean, rows).values
        batch = other_batch(self.settings.batch)
        plan = Plan(model, where, clean, batch, question=clean, rerun=True)  # passes are kept for other metrics
        again = np.hstack([self._measured_again(plan, half) for half in halves(rows)])
        for metric, one, other in zip(lacking.values(), usual, again, strict=True):
            self._noise[self._noise_key(where, model, metric)] = noise_between(one, other)

    def first_rows(self, where: PromptStream, models: Sequence[ModelRef]) -> range:
        """The prompts that are looked at first."""
        return range(min(self.settings.first_look, self.population(where, models)))

    def _noise_key(self, where: PromptStream, model: ModelRef, metric: Metric) -> tuple[str, str, str]:
        return self.models.place(model), where.task.digest, metric.digest

    def _measured_again(self, plan: Plan, rows: range) -> NDArray[np.float64]:
        """[cell, row], whatever was measured of them before in this process."""
        stored = {cell.digest: found.values for cell, found in self._read(plan, rows) if found.rows == rows}
        if all(cell.digest in stored for cell in plan.cells):
            return np.stack([stored[cell.digest] for cell in plan.cells])
        return self._run(plan, rows).values

    def measure(self, where: PromptStream, cells: Sequence[Cell], rows: range) -> Measured:
        """Values of `cells` on prompts `rows`. Raises VacuousIntervention where an intervention changed no prompt."""
        found = self._measured(where, cells, rows)
        unique = on_most_prompts(receipt for each in found for receipt in each.receipts)
        refuse_vacuous(unique)
        return Measured(tuple(cells), rows, np.stack([each.values for each in found]), unique, found[0].prompts)

    def measure_each(
        self, where: PromptStream, cells: Sequence[Cell], rows: range
    ) -> tuple[NDArray[np.float64], list[tuple[Receipt, ...]]]:
        """Values [cell, prompt] of `cells` and the receipts of each. That an intervention changed nothing is for the caller
        to say."""
        found = self._measured(where, cells, rows)
        return np.stack([each.values for each in found]), [tuple(each.receipts) for each in found]

    def _measured(self, where: PromptStream, cells: Sequence[Cell], rows: range) -> list[Stretch]:
        population = self.population(where, list(dict.fromkeys(cell.view.model for cell in cells)))
        check_rows(rows, population, where)
        self._require_sound(cells)
        self._values.trim()
        streams = {cell.digest: (self.models.place(cell.view.model), *where.key) for cell in cells}
        for model in dict.fromkeys(cell.view.model for cell in cells):
            mine = [cell for cell in cells if cell.view.model == model]
            for gap, lacking in self._values.lacking(streams, mine, rows):
                for cell, found_there in self._read(Plan(model, where, tuple(lacking), self.settings.batch), gap):
                    check_support(cell.metric, found_there.values)
                    self._values.put(streams[cell.digest], cell, found_there)
            for gap, lacking in self._values.lacking(streams, mine, rows):
                self._fill(Plan(model, where, tuple(lacking), self.settings.batch, tuple(mine)), streams, gap)
        self._tell(f"{rows.stop} prompts")
        return [self._values.get(streams[cell.digest], cell, rows) for cell in cells]

    def encode(
        self, where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: Position, rows: range
    ) -> NDArray[np.float32]:
        """[row, feature]: activations at one token of each of these prompts, in the untouched model. Raises
        BadDictionary."""
        check_rows(rows, self.population(where, [model]), where)
        return self.dictionaries.encode(where, model, dictionary, at, rows)

    def reconstruct(
        self, where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: At, rows: range
    ) -> Reconstructed:
        """How well a dictionary reconstructs the values at the tokens `at` of these prompts. Raises BadDictionary."""
        check_rows(rows, self.population(where, [model]), where)
        return self.dictionaries.reconstruct(where, model, dictionary, at, rows)

    def scan(self, asked: Scanning, model: ModelRef, dictionary: DictionaryRef) -> Scanned:
        """What one pass over a corpus finds of a dictionary's features, in the untouched model: kept by the digests of
        model, dictionary and corpus, and by what was asked. Raises BadDictionary, BadTask."""
        return self.dictionaries.scan(asked, model, dictionary, self._tell)

    def write_norms(self, dictionary: DictionaryRef) -> NDArray[np.float64]:
        """[feature]: the norm of what one unit of each writes."""
        return self.dictionaries.write_norms(dictionary)

    def trace(
        self, model: ModelRef, dictionary: DictionaryRef, texts: Sequence[tuple[int, ...]], numbers: Sequence[int]
    ) -> tuple[NDArray[np.float32], ...]:
        """The activations [token, number] of some features at each token of each text, in the untouched model. Raises
        BadDictionary."""
        self.forward_passes += len(texts)
        return self.models.ready_engine(model).trace(model, dictionary, texts, numbers, self.settings.batch)

    def look(self, task: PromptSource, view: View, sites: tuple[Site, ...], rows: range) -> Look:
        """What a run of `view` on prompts `rows` shows, with the doctor's checks and the proof of a measurement. Raises
        UnsoundModel, and VacuousIntervention where an intervention changed no prompt."""
        cell = Cell(view, Showing(sites))
        self._require_sound([cell])
        where = PromptStream(task, "discovery", self.settings.seed)
        plan = Plan(view.model, where, (cell,), self.settings.batch)
        found = self.models.ready_engine(view.model).look(plan, rows)
        self.forward_passes += found.forward_passes
        refuse_vacuous(found.receipts)
        return found

    def _require_sound(self, cells: Sequence[Cell]) -> None:
        if self.checkups is None:
            return
        for model in dict.fromkeys(cell.view.model for cell in cells):
            card = self.models.card(model)
            if not self.checkups.holds(card):
                self._tell(f"the doctor looks at {model}")
            kinds = frozenset(kind for cell in cells if cell.view.model == model for kind in cell.site_kinds)
            self.checkups.require_sound(card, self.models, kinds)

    def _count(self, passes: int) -> None:
        self.forward_passes += passes

    def _read(self, plan: Plan, rows: range) -> list[tuple[Cell, Stretch]]:
        """What the store has of a plan's cells."""
        stored = self.models.stored
        found = [] if stored is None else stored.read(plan, self.models.card(plan.model).device, rows)
        self.reused += [reuse for _, _, reuse in found]
        return [(cell, stretch) for cell, stretch, _ in found]

    def _run(self, plan: Plan, rows: range) -> Table:
        """Measure a plan, and put what it gives into the store."""
        table = self.models.ready_engine(plan.model).run(plan, rows)
        self.forward_passes += table.forward_passes
        self.work += table.work
        self.reused.append(Reuse(of=table.values.size))
        if self.models.stored is not None:
            self.models.stored.keep(plan, self.models.card(plan.model).device, rows, table)
        return table

    def _fill(self, plan: Plan, streams: Mapping[str, Stream], rows: range) -> None:
        """Measure what is lacking, so many prompts at a time that progress can be told."""
        at_once = _ROWS_OF_TEXTS if plan.prompts.task.facts.rows_share_texts else _AT_ONCE
        for start in range(rows.start, rows.stop, at_once):
            part = range(start, min(start + at_once, rows.stop))
            table = self._run(plan, part)
            for cell, values, receipts in zip(plan.cells, table.values, table.receipts, strict=True):
                check_support(cell.metric, values)
                self._values.put(streams[cell.digest], cell, Stretch(part, values, receipts, table.prompts))
            self._tell(f"{part.stop} prompts")

    def _tell(self, state: str) -> None:
        if self.progress:
            self.progress(state)
