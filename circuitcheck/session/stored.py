"""What a session finds in the store of values, and what it puts there: only what another process would measure the same."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import TypeVar

from circuitcheck.digest import THIS_PROCESS, digest
from circuitcheck.engine.protocol import Engine, Repeatable, Table
from circuitcheck.models import INSTANCE_PREFIX, BosPolicy
from circuitcheck.plan import Cell, DictionaryRef, ModelRef, Plan
from circuitcheck.prompts import PromptSource, PromptStream
from circuitcheck.prompts.masks import Mask, MaskedSource
from circuitcheck.session.values import Stretch
from circuitcheck.store import Block, Key, Store

_OURS = __name__.partition(".")[0]
_VALUES, _CARD, _DICTIONARY = "values", "model", "dictionary"
T = TypeVar("T")


@dataclass(frozen=True)
class Reuse:
    """How many values of prompts were read from the store, `of` how many that were needed, and the days they are from."""

    values: int = 0
    of: int = 0
    since: str | None = None
    until: str | None = None

    @classmethod
    def together(cls, parts: "Sequence[Reuse]") -> "Reuse":
        days = [day for each in parts for day in (each.since, each.until) if day is not None]
        ends = (min(days), max(days)) if days else (None, None)
        return cls(sum(each.values for each in parts), sum(each.of for each in parts), *ends)


NOTHING_REUSED = Reuse()


@dataclass(frozen=True)
class Asked:
    """How a model was asked for."""

    spec: str
    dtype: str
    device: str
    bos: BosPolicy


@dataclass(frozen=True)
class About:
    """What was found of a dictionary: which `kind` of thing, on which model and prompts, and all else that was asked."""

    kind: str
    dictionary: DictionaryRef
    model: ModelRef | None = None
    where: PromptStream | None = None
    parts: tuple[object, ...] = ()

    @property
    def lasts(self) -> bool:
        """Would another process find the same?"""
        specs = (self.dictionary.spec, *([] if self.model is None else [self.model.spec]))
        if any(spec.startswith(INSTANCE_PREFIX) for spec in specs) or _names_a_function(self.parts):
            return False
        return self.where is None or _is_lasting(self.where.task)


class StoredValues:
    """`engine` says itself what its values depend on; of one that does not, nothing is kept."""

    def __init__(self, store: Store, engine: Engine, name: str) -> None:
        self._store, self._engine, self._name = store, engine, name
        self._repeatable: Repeatable | None = engine if _says_so(engine) else None  # type: ignore[assignment]

    def read(self, plan: Plan, device: str, rows: range) -> list[tuple[Cell, Stretch, Reuse]]:
        """What there is of a plan's cells on these rows."""
        numerics, found = self._numerics(device), []
        for cell in plan.cells:
            key = self._key(plan, device, cell, numerics)
            for block in self._store.blocks(key, rows) if key else ():
                if len(block.receipts) == len(cell.view.interventions):
                    stretch = Stretch(block.rows, block.values, block.receipts, block.prompts)
                    found.append((cell, stretch, Reuse(len(block.rows), len(block.rows), _day(block), _day(block))))
        return found

    def keep(self, plan: Plan, device: str, rows: range, table: Table) -> None:
        """What a run of a plan gave, all cells at once or none."""
        numerics = self._numerics(device)
        measured = zip(plan.cells, table.values, table.receipts, strict=True)
        self._store.keep(
            (key, Block(rows, values, receipts, table.prompts))
            for cell, values, receipts in measured
            if (key := self._key(plan, device, cell, numerics)) is not None
        )

    def see(self, asked: Asked) -> Key | None:
        """What tells whether the files of a spec are what they were; None where nothing could be known of it later. Taken
        before they are read: if they change meanwhile, they never look like this again. Raises what loading does of a spec
        that is none."""
        if self._repeatable is None or asked.spec.startswith(INSTANCE_PREFIX):
            return None
        seen = self._repeatable.witness(asked.spec, dtype=asked.dtype, device=asked.device, bos=asked.bos)
        parts = (self._name, asked.spec, asked.dtype, asked.device, asked.bos, seen)
        return None if seen is None else Key(_CARD, parts, _model(asked.spec, asked.dtype, asked.device))

    def see_dictionary(self, spec: str, asked: tuple[object, ...]) -> Key | None:
        """The same of a dictionary."""
        if self._repeatable is None or spec.startswith(INSTANCE_PREFIX):
            return None
        seen = self._repeatable.dictionary_witness(spec)
        return None if seen is None else Key(_DICTIONARY, (self._name, spec, asked, seen), spec)

    def key_of(self, about: About, device: str) -> Key | None:
        """None for what would mean nothing to another process."""
        numerics = self._numerics(device or "cpu")
        if numerics is None or not about.lasts:
            return None
        model, where = about.model, about.where
        place = None if model is None else (model.fingerprint, device)
        prompts = None if where is None else (*where.key, _masks(where.task))
        parts = (about.dictionary, place, prompts, about.parts, numerics)
        shown = about.dictionary.spec if model is None else _model(model.spec, model.dtype, device)
        return Key(about.kind, parts, shown, "" if where is None else where.task.name)

    def record(self, key: Key, kind: type[T]) -> T | None:
        """What was kept under this key; None where nothing was."""
        return self._store.record(key, kind)

    def keep_record(self, key: Key, record: object) -> None:
        self._store.keep_record(key, record)

    def forget_card(self, asked: Asked) -> None:
        """It was wrong."""
        seen = self.see(asked)
        if seen is not None:
            self._store.forget(seen)

    def _numerics(self, device: str) -> str | None:
        return None if self._repeatable is None else digest((self._name, dict(self._repeatable.numerics(device))))

    def _key(self, plan: Plan, device: str, cell: Cell, numerics: str | None) -> Key | None:
        task = plan.prompts.task
        if numerics is None or not _lasts(plan.model, task, cell):
            return None
        words = (str(plan.model), cell.describe())  # receipts hold them
        how = (plan.batch, plan.rerun, numerics)
        parts = (plan.model.fingerprint, device, *plan.prompts.key, _masks(task), cell.digest, *how, words)
        return Key(_VALUES, parts, _model(plan.model.spec, plan.model.dtype, device), task.name)


def _says_so(engine: Engine) -> bool:
    """In its own class: one that is made of another, or around it, may measure otherwise."""
    return {"numerics", "witness", "dictionary_witness"} <= set(vars(type(engine)))


def _lasts(model: ModelRef, task: PromptSource, cell: Cell) -> bool:
    """Is what is measured told by digests? Model objects, functions of this process and types of users are told apart by
    them, and not by what is in them."""
    specs = (model.spec, *(ref.spec for ref in cell.dictionaries))
    if any(spec.startswith(INSTANCE_PREFIX) for spec in specs):
        return False
    return _is_lasting(task) and all(map(_all_ours, (*cell.view.interventions, cell.metric)))


def _is_lasting(task: PromptSource) -> bool:
    return not task.facts.is_local and _is_ours(type(task))


def _all_ours(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_all_ours, value))
    if isinstance(value, PromptStream):  # of a direction, whose digest tells no chosen prompts apart
        return _is_lasting(value.task) and not isinstance(value.task, MaskedSource)
    if not is_dataclass(value):
        return isinstance(value, str | int | float | None) or _is_ours(type(value))
    return _is_ours(type(value)) and all(_all_ours(getattr(value, each.name)) for each in fields(value))


def _names_a_function(parts: object) -> bool:
    """Of this process, anywhere in what was asked."""
    return parts == THIS_PROCESS or (isinstance(parts, tuple) and any(map(_names_a_function, parts)))


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == _OURS


def _masks(task: PromptSource) -> tuple[Mask, ...]:
    """Of a task whose prompts were chosen by measuring them: its digest says how, and not which they are."""
    return (*task.masks, *_masks(task.base)) if isinstance(task, MaskedSource) else ()


def _model(spec: str, dtype: str, device: str) -> str:
    return f"{spec} ({dtype}, {device})"


def _day(block: Block) -> str:
    return datetime.fromtimestamp(block.made, UTC).date().isoformat()
