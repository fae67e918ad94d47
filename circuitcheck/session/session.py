"""A session measures cells: it knows what has been measured already and asks the engine for the rest."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import Engine, Look, ModelCard, Receipt, Reconstructed, Scanned, on_most_prompts
from circuitcheck.errors import BadDictionary, BadExtension, BadMetric, BadSpec, BadTask, NotComparable, VacuousIntervention
from circuitcheck.extensions import load_extensions
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.models import BosPolicy
from circuitcheck.places import At, Position, Site
from circuitcheck.plan import Cell, DictionaryRef, Metric, ModelRef, Plan, Scanning, Showing, View, supports
from circuitcheck.prompts import Labels, Prompt, PromptSource, PromptStream, Tokenizer
from circuitcheck.sampling import NO_NOISE, Noise
from circuitcheck.session.checkups import CheckUpStore
from circuitcheck.session.counterexamples import CounterexampleStore
from circuitcheck.session.ledger import Ledger, ledger_of_this_folder
from circuitcheck.session.values import Stream, Stretch, ValueStore
from circuitcheck.settings import Settings
from circuitcheck.text import shown

_ENCODED = 1 << 28  # bytes of activations that are kept
_SCANNED = 1 << 28  # bytes of summaries
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


MakeEngine = Callable[[Settings], Engine]


def _local_engine(settings: Settings) -> Engine:
    from circuitcheck.engine.torch import LocalEngine  # imported late: it brings torch

    return LocalEngine(settings.device, cache=settings.cache_folder, fast=settings.fast == "on")


_ENGINES: dict[str, MakeEngine] = {"local": _local_engine}


def register_engine(name: str, make: MakeEngine) -> None:
    """Let `--circuit-engine NAME`, and `Settings(engine=NAME)`, run on `make(settings)`, which answers the calls of
    `Engine`. The same function again changes nothing. Raises BadExtension for a name that is taken."""
    if _ENGINES.get(name, make) is not make:
        raise BadExtension(f"there is an engine called {name!r} already: give yours another name.")
    if not callable(make):
        raise BadExtension(f"engine {name!r}: {make!r} makes none; expected a function of the settings.")
    _ENGINES[name] = make


def engine_names() -> tuple[str, ...]:
    return tuple(_ENGINES)


def _chosen_engine(settings: Settings) -> Engine:
    """Raises BadExtension where no extension registered it."""
    if settings.engine not in _ENGINES:
        raise BadExtension(f"there is no engine {settings.engine!r}; there are {', '.join(_ENGINES)}.")
    return _ENGINES[settings.engine](settings)


@dataclass
class Session:
    """`forward_passes` counts prompts run through a model since the session began, `asked_outside` the questions that no
    claim asked. `progress` is called after each block.
    With `checkups`, models are examined before anything is measured on them."""

    settings: Settings = field(default_factory=Settings)
    make_engine: MakeEngine = _chosen_engine
    progress: Progress | None = None
    forward_passes: int = 0
    asked_outside: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    counterexamples: CounterexampleStore = field(default_factory=CounterexampleStore)
    checkups: CheckUpStore | None = None
    _engine: Engine | None = None
    _values: ValueStore = field(default_factory=ValueStore)
    _noise: dict[tuple[str, str, str], Noise] = field(default_factory=dict)
    _encoded: LeastRecentlyUsed[tuple[object, ...], NDArray[np.float32]] = field(
        default_factory=lambda: LeastRecentlyUsed(_ENCODED, lambda found: found.nbytes)
    )
    _reconstructed: dict[tuple[object, ...], Reconstructed] = field(default_factory=dict)
    _scanned: "LeastRecentlyUsed[tuple[object, ...], Scanned]" = field(
        default_factory=lambda: LeastRecentlyUsed(_SCANNED, lambda found: found.bytes)
    )

    @property
    def engine(self) -> Engine:
        """Made when it is first asked for, after extensions. Raises BadExtension."""
        if self._engine is None:
            load_extensions()
            self._engine = self.make_engine(self.settings)
        return self._engine

    def load(self, spec: object, *, dtype: str | None, device: str | None, bos: BosPolicy) -> ModelCard:
        """A spec's model, or a model object taken in as it is."""
        if not isinstance(spec, str):
            if dtype is not None or device is not None:
                raise BadSpec("a model object is taken as it is: move or cast it first, and leave dtype and device out.")
            return self.engine.adopt(spec, bos=bos)
        return self.engine.load(spec, dtype=dtype or self.settings.dtype, device=device or self.settings.device, bos=bos)

    def check_fits(self, dictionary: DictionaryRef, model: ModelRef) -> None:
        """Raises BadDictionary for one that does not belong to the model, or an engine that runs none; UnknownSite."""
        if not hasattr(self.engine, "check_fits"):
            raise BadDictionary(f"the engine {type(self.engine).__name__} runs no dictionaries of features.")
        self.engine.check_fits(dictionary, model)

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
        clean = Cell(View(model), metric)
        key = (self._model_and_device(model), where.task.digest, metric.digest)
        if key not in self._noise:
            n = min(self.settings.first_look, self.population(where, [model]))
            usual = self.measure(where, [clean], range(n)).values[0]
            table = self.engine.run(Plan(model, where, (clean,), _other_batch(self.settings.batch)), range(n))
            self.forward_passes += table.forward_passes
            self._noise[key] = _noise_between(usual, table.values[0])
        return self._noise[key]

    def measure(self, where: PromptStream, cells: Sequence[Cell], rows: range) -> Measured:
        """Values of `cells` on prompts `rows`. Raises VacuousIntervention where an intervention changed no prompt."""
        population = self.population(where, list(dict.fromkeys(cell.view.model for cell in cells)))
        _check_rows(rows, population, where)
        self._require_sound(cells)
        self._values.trim()
        streams = {cell.digest: (self._model_and_device(cell.view.model), *where.key) for cell in cells}
        for model in dict.fromkeys(cell.view.model for cell in cells):
            mine = [cell for cell in cells if cell.view.model == model]
            for gap, lacking in self._values.lacking(streams, mine, rows):
                self._fill(Plan(model, where, tuple(lacking), self.settings.batch), streams, gap)
        self._tell(f"{rows.stop} prompts")
        found = [self._values.get(streams[cell.digest], cell, rows) for cell in cells]
        unique = on_most_prompts(receipt for each in found for receipt in each.receipts)
        _refuse_vacuous(unique)
        return Measured(tuple(cells), rows, np.stack([each.values for each in found]), unique, found[0].prompts)

    def encode(
        self, where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: Position, rows: range
    ) -> NDArray[np.float32]:
        """[row, feature]: activations at one token of each of these prompts, in the untouched model. Raises
        BadDictionary."""
        key = (self._model_and_device(model), *where.key, dictionary, at, rows.start, rows.stop)
        if key not in self._encoded:
            self._encoded[key] = self.engine.encode(self._to_encode(where, model, rows), dictionary, rows, at)
            self._encoded.trim(keep=1)
        return self._encoded[key]

    def reconstruct(
        self, where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: At, rows: range
    ) -> Reconstructed:
        """How well a dictionary reconstructs the values at the tokens `at` of these prompts. Raises BadDictionary."""
        key = (self._model_and_device(model), *where.key, dictionary, at, rows.start, rows.stop)
        if key not in self._reconstructed:
            found = self.engine.reconstruct(self._to_encode(where, model, rows), dictionary, rows, at)
            self._reconstructed[key] = found
        return self._reconstructed[key]

    def _to_encode(self, where: PromptStream, model: ModelRef, rows: range) -> Plan:
        _check_rows(rows, self.population(where, [model]), where)
        self.forward_passes += len(rows)
        return Plan(model, where, (), self.settings.batch)

    def scan(self, asked: Scanning, model: ModelRef, dictionary: DictionaryRef) -> Scanned:
        """What one pass over a corpus finds of a dictionary's features, in the untouched model: kept by the digests of
        model, dictionary and corpus, and by what was asked. Raises BadDictionary, BadTask."""
        key = (self._model_and_device(model), dictionary, asked.corpus.digest, asked)
        if key not in self._scanned:
            self._tell(f"texts of {asked.corpus.name} are scanned for {dictionary}")
            self._scanned[key] = self.engine.scan(asked, model, dictionary, self.settings.batch)
            self.forward_passes += self._scanned[key].forward_passes
            self._scanned.trim(keep=1)
        return self._scanned[key]

    def trace(
        self, model: ModelRef, dictionary: DictionaryRef, texts: Sequence[tuple[int, ...]], numbers: Sequence[int]
    ) -> tuple[NDArray[np.float32], ...]:
        """The activations [token, number] of some features at each token of each text, in the untouched model. Raises
        BadDictionary."""
        self.forward_passes += len(texts)
        return self.engine.trace(model, dictionary, texts, numbers, self.settings.batch)

    def look(self, task: PromptSource, view: View, sites: tuple[Site, ...], rows: range) -> Look:
        """What a run of `view` on prompts `rows` shows, with the doctor's checks and the proof of a measurement. Raises
        UnsoundModel, and VacuousIntervention where an intervention changed no prompt."""
        cell = Cell(view, Showing(sites))
        self._require_sound([cell])
        where = PromptStream(task, "discovery", self.settings.seed)
        plan = Plan(view.model, where, (cell,), self.settings.batch)
        found = self.engine.look(plan, rows)
        self.forward_passes += found.forward_passes
        _refuse_vacuous(found.receipts)
        return found

    def _require_sound(self, cells: Sequence[Cell]) -> None:
        if self.checkups is None:
            return
        for model in dict.fromkeys(cell.view.model for cell in cells):
            if not self.checkups.holds(self.engine.card(model)):
                self._tell(f"the doctor looks at {model}")
            kinds = frozenset(kind for cell in cells if cell.view.model == model for kind in cell.site_kinds)
            self.checkups.require_sound(self.engine.card(model), self.engine, kinds)

    def _model_and_device(self, model: ModelRef) -> str:
        return f"{model.fingerprint} on {self.engine.card(model).device}"

    def _fill(self, plan: Plan, streams: Mapping[str, Stream], rows: range) -> None:
        """Measure what is lacking, so many prompts at a time that progress can be told."""
        at_once = _ROWS_OF_TEXTS if plan.prompts.task.facts.rows_share_texts else _AT_ONCE
        for start in range(rows.start, rows.stop, at_once):
            part = range(start, min(start + at_once, rows.stop))
            table = self.engine.run(plan, part)
            self.forward_passes += table.forward_passes
            for cell, values, receipts in zip(plan.cells, table.values, table.receipts, strict=True):
                _check_support(cell.metric, values)
                self._values.put(streams[cell.digest], cell, Stretch(part, values, receipts, table.prompts))
            self._tell(f"{part.stop} prompts")

    def _tell(self, state: str) -> None:
        if self.progress:
            self.progress(state)


def _other_batch(batch: int) -> int:
    return batch // 2 if batch > 1 else 2


def _noise_between(one: NDArray[np.float64], other: NDArray[np.float64]) -> Noise:
    """|mean| + 2 sd / sqrt n of the differences in an A/A run. Values that are no numbers are left to the verdict."""
    finite = np.isfinite(one) & np.isfinite(other)
    differences = other[finite] - one[finite]
    if len(differences) < 2 or not differences.any():
        return NO_NOISE
    error = float(differences.std(ddof=1)) / len(differences) ** 0.5
    return Noise(abs(float(differences.mean())) + 2 * error, float(np.abs(differences).max()))


def _check_rows(rows: range, population: int, where: PromptStream) -> None:
    name, stream = where.task.name, where.stream
    if not population:
        raise BadTask(f"task {name!r} has 0 prompts in its {stream} stream; task.explain(model) says what became of them.")
    if not rows or rows.start < 0:
        raise BadTask(f"prompts {rows.start} to {rows.stop} are none; ask for at least one.")
    if rows.stop > population:
        raise BadTask(f"task {name!r} has {population} prompts in its {stream} stream, not {rows.stop}.")


def _check_support(metric: Metric, values: NDArray[np.float64]) -> None:
    """A metric outside the support that it declares would be judged by the wrong method. NaN is left to the verdict."""
    finite = values[np.isfinite(values)]
    outside = finite[~supports(metric.support, finite)]
    if len(outside):
        raise BadMetric(
            f"the metric {metric.name!r} declares its support as {metric.support!r}, and gave {outside[0]:g}: "
            f"declare the values that it takes."
        )


def _refuse_vacuous(receipts: Sequence[Receipt]) -> None:
    for receipt in receipts:
        if receipt.changed == 0 and not receipt.allow_vacuous:
            raise VacuousIntervention(
                f"{receipt.intervention} changed none of {receipt.prompts} prompts at {', '.join(receipt.sites)} by more "
                f"than 1e-6 of its value (view: {receipt.view}). {_firing(receipt)}A claim about it would be about the "
                f"untouched model. If that is what you mean, say allow_vacuous=True."
                + ("" if receipt.dtype == "float32" else f" A small change is lost in {receipt.dtype}.")
            )


def _firing(receipt: Receipt) -> str:
    """How often changed features fire."""
    counts = ", ".join(f"{each.feature} {each.fires}" for each in receipt.features[:8])
    return f"On so many of these prompts its features fire: {counts}. " if counts else ""


_current: ContextVar[Session | None] = ContextVar("circuitcheck_session", default=None)
_of_main_thread: list[Session] = []  # other threads start without the context variable, and share these


def current_session() -> Session:
    """The session in force; in a thread that has none of its own, that of the main thread. Outside pytest, one with default
    settings is made when first asked for, which shares this project's ledger of questions."""
    session = _current.get()
    if session is None:
        if not _of_main_thread:
            _of_main_thread.append(Session(ledger=ledger_of_this_folder()))
        session = _of_main_thread[-1]
    return session


def _check_session(given: object) -> None:
    if not isinstance(given, Session):
        made = "cc.Session(settings)" if isinstance(given, Settings) else "cc.Session(cc.Settings(seed=3))"
        raise TypeError(f"use_session() got {shown(given)}; expected a session: `with cc.use_session({made}):`.")


@contextmanager
def use_session(session: Session) -> Iterator[Session]:
    """Make `session` the current one inside a `with` block; in the main thread, also for the threads that the block
    starts. Raises TypeError for what is no session."""
    _check_session(session)
    token = _current.set(session)
    main = threading.current_thread() is threading.main_thread()
    if main:
        _of_main_thread.append(session)
    try:
        yield session
    finally:
        if main:
            _of_main_thread.pop()
        _current.reset(token)
