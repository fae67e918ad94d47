"""The models of a session: loaded, or known from the store until something must be measured on them."""

from dataclasses import dataclass, field, replace

from circuitcheck.engine.checkup import CheckUp
from circuitcheck.engine.protocol import Engine, ModelCard
from circuitcheck.errors import ModelChanged
from circuitcheck.plan import ModelRef
from circuitcheck.session.stored import Asked, StoredValues


@dataclass
class KnownModels:
    """`device` is where the engine puts a model that it has to load again: what is asked for elsewhere is loaded at once."""

    engine: Engine
    stored: StoredValues | None
    device: str
    _waiting: dict[str, tuple[Asked, ModelCard]] = field(default_factory=dict)  # by fingerprint; not loaded yet
    _loaded: set[str] = field(default_factory=set)

    def load(self, asked: Asked) -> ModelCard:
        """Raises what the engine does of a spec that gives no model."""
        if self.stored is None or asked.device != self.device:
            self._load_before(asked)
            return self._load(asked)
        seen = self.stored.see(asked)
        card = None if seen is None else self.stored.record(seen, ModelCard)
        if card is None:
            card = self._load(asked)
            if seen is not None:
                self.stored.keep_record(seen, card)
        elif card.ref.fingerprint not in self._loaded:
            self._waiting[card.ref.fingerprint] = (asked, card)
        return card

    def card(self, ref: ModelRef) -> ModelCard:
        """Raises ModelChanged where its spec now gives another."""
        return self._waiting[ref.fingerprint][1] if ref.fingerprint in self._waiting else self.engine.card(ref)

    def place(self, ref: ModelRef) -> str:
        """What values of a model are kept by: which it is, and where it runs."""
        return f"{ref.fingerprint} on {self.card(ref).device}"

    def ready_engine(self, ref: ModelRef) -> Engine:
        """With the weights of a model in memory. Raises ModelChanged."""
        self.make_ready(ref)
        return self.engine

    def examine(self, ref: ModelRef) -> CheckUp:
        """The doctor's checks."""
        return self.ready_engine(ref).examine(ref)

    def make_ready(self, ref: ModelRef) -> None:
        """Load what is only known. Raises ModelChanged where it is another than the store said, and lets the store forget
        it."""
        if ref.fingerprint not in self._waiting:
            return
        asked, card = self._waiting[ref.fingerprint]
        found = self._load(asked)
        if found.ref.fingerprint != ref.fingerprint:
            if self.stored is not None:
                self.stored.forget_card(asked)
            raise ModelChanged(
                f"{ref.spec} has the fingerprint {found.ref.fingerprint}, and had {card.ref.fingerprint} when it was loaded "
                f"last, and its files show no change: neither their sizes nor their times do. The store has forgotten it: "
                f"run again."
            )
        del self._waiting[ref.fingerprint]

    def _load_before(self, asked: Asked) -> None:
        """The same model that was asked for on the usual device: the engine refuses to have it on two."""
        for other, card in list(self._waiting.values()):
            if replace(other, device=asked.device) == asked:
                self.make_ready(card.ref)

    def _load(self, asked: Asked) -> ModelCard:
        card = self.engine.load(asked.spec, dtype=asked.dtype, device=asked.device, bos=asked.bos)
        self._loaded.add(card.ref.fingerprint)
        return card
