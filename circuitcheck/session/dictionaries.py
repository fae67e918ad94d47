"""What a session looks up of dictionaries of features: once, in memory and in the store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from circuitcheck.engine.protocol import DictionaryCard, Reconstructed, Scanned
from circuitcheck.errors import BadDictionary
from circuitcheck.memory import LeastRecentlyUsed
from circuitcheck.places import At, Position, Site
from circuitcheck.plan import DictionaryRef, MadeFor, ModelRef, Plan, Scanning
from circuitcheck.prompts import PromptStream
from circuitcheck.session.known_models import KnownModels
from circuitcheck.session.stored import About

_ENCODED = 1 << 28  # bytes of activations that are kept
_SCANNED = 1 << 28  # bytes of summaries

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Activations:
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Norms:
    values: NDArray[np.float64]


@dataclass(frozen=True)
class _Fits:
    """It does: what does not is looked at again, to say why."""


@dataclass
class DictionaryLooks:
    """`count` is told how many prompts were run."""

    models: KnownModels
    batch: int
    count: Callable[[int], None]
    _encoded: LeastRecentlyUsed[tuple[object, ...], NDArray[np.float32]] = field(
        default_factory=lambda: LeastRecentlyUsed(_ENCODED, lambda found: found.nbytes)
    )
    _reconstructed: dict[tuple[object, ...], Reconstructed] = field(default_factory=dict)
    _scanned: LeastRecentlyUsed[tuple[object, ...], Scanned] = field(
        default_factory=lambda: LeastRecentlyUsed(_SCANNED, lambda found: found.bytes)
    )

    def attach(
        self, spec: object, *, reads: Site | None, writes: Site | None, made_for: MadeFor, transcoder: bool | None
    ) -> DictionaryCard:
        """Raises what the engine does."""
        engine, stored = self.models.engine, self.models.stored
        asked = (reads, writes, made_for, transcoder)
        seen = stored.see_dictionary(spec, asked) if stored is not None and isinstance(spec, str) else None
        card = None if stored is None or seen is None else stored.record(seen, DictionaryCard)
        if card is None:
            card = engine.attach(spec, reads=reads, writes=writes, made_for=made_for, transcoder=transcoder)
            if stored is not None and seen is not None:
                stored.keep_record(seen, card)
        return card

    def check_fits(self, dictionary: DictionaryRef, model: ModelRef) -> None:
        """Raises what the engine does."""
        engine = self.models.engine
        if not hasattr(engine, "check_fits"):
            raise BadDictionary(f"the engine {type(engine).__name__} runs no dictionaries of features.")

        def check() -> _Fits:
            self.models.ready_engine(model).check_fits(dictionary, model)
            return _Fits()

        names = (dictionary.spec, dictionary.name, dictionary.made_for, model.spec)  # which no digest holds
        self._once(_Fits, check, About("fit", dictionary, model, parts=names))

    def encode(
        self, where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: Position, rows: range
    ) -> NDArray[np.float32]:
        key = (self.models.place(model), *where.key, dictionary, at, rows.start, rows.stop)
        if key not in self._encoded:

            def encode() -> _Activations:
                self.count(len(rows))
                plan = Plan(model, where, (), self.batch)
                return _Activations(self.models.ready_engine(model).encode(plan, dictionary, rows, at))

            about = About("encoding", dictionary, model, where, (at, rows.start, rows.stop, self.batch))
            self._encoded[key] = self._once(_Activations, encode, about).values
            self._encoded.trim(keep=1)
        return self._encoded[key]

    def reconstruct(
        self, where: PromptStream, model: ModelRef, dictionary: DictionaryRef, at: At, rows: range
    ) -> Reconstructed:
        key = (self.models.place(model), *where.key, dictionary, at, rows.start, rows.stop)
        if key not in self._reconstructed:

            def reconstruct() -> Reconstructed:
                self.count(len(rows))
                return self.models.ready_engine(model).reconstruct(Plan(model, where, (), self.batch), dictionary, rows, at)

            about = About("reconstruction", dictionary, model, where, (at, rows.start, rows.stop, self.batch))
            self._reconstructed[key] = self._once(Reconstructed, reconstruct, about)
        return self._reconstructed[key]

    def scan(self, asked: Scanning, model: ModelRef, dictionary: DictionaryRef, tell: Callable[[str], None]) -> Scanned:
        key = (self.models.place(model), dictionary, asked.corpus.digest, asked)
        if key not in self._scanned:

            def scan() -> Scanned:
                tell(f"texts of {asked.corpus.name} are scanned for {dictionary}")
                found = self.models.ready_engine(model).scan(asked, model, dictionary, self.batch)
                self.count(found.forward_passes)
                return found

            where = PromptStream(asked.corpus, asked.stream, 0)
            predicates = tuple((name, predicate.digest_parts) for name, predicate in asked.where)
            parts = (asked.top, asked.pairs, predicates, asked.sums, self.batch)
            self._scanned[key] = self._once(Scanned, scan, About("scan", dictionary, model, where, parts))
            self._scanned.trim(keep=1)
        return self._scanned[key]

    def write_norms(self, dictionary: DictionaryRef) -> NDArray[np.float64]:
        def norms() -> _Norms:
            return _Norms(self.models.engine.write_norms(dictionary))

        return self._once(_Norms, norms, About("norms", dictionary)).values

    def _once(self, kind: type[T], make: Callable[[], T], about: About) -> T:
        """From the store, or made and put there."""
        stored = self.models.stored
        device = "" if about.model is None or stored is None else self.models.card(about.model).device
        key = None if stored is None else stored.key_of(about, device)
        found = None if stored is None or key is None else stored.record(key, kind)
        if found is None:
            found = make()
            if stored is not None and key is not None:
                stored.keep_record(key, found)
        return found
