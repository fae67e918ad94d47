"""Models are examined once: what the doctor found is kept by fingerprint."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from circuitcheck.engine.checkup import VERSION, CheckUp, Finding
from circuitcheck.engine.protocol import ModelCard
from circuitcheck.errors import UnsoundModel
from circuitcheck.files import read_record, write_record
from circuitcheck.places import SITE_KINDS
from circuitcheck.places.site_kinds import own_kinds_digest
from circuitcheck.plan import ModelRef


class Examines(Protocol):
    """An engine, as far as it is needed here."""

    def examine(self, ref: ModelRef) -> CheckUp: ...


@dataclass
class CheckUpStore:
    """One JSON file for each model in `folder`; in memory only without one."""

    folder: Path | None = None
    _held: dict[str, CheckUp] = field(default_factory=dict)

    def holds(self, card: ModelCard) -> bool:
        """Was it looked at in this process?"""
        return _key(card) in self._held

    def of(self, card: ModelCard, engine: Examines) -> CheckUp:
        """The check-up of this model on this kind of device, made now if it never was."""
        key = _key(card)
        if key not in self._held:
            found = self._read(key)
            if found is None or (found.fingerprint, found.version) != (card.ref.fingerprint, VERSION):
                found = engine.examine(card.ref)
                self._write(key, found)
            self._held[key] = found
        return self._held[key]

    def require_sound(self, card: ModelCard, engine: Examines, kinds: frozenset[str]) -> None:
        """Raises UnsoundModel where a check failed that work with these kinds of sites depends on."""
        failed = self.of(card, engine).against(kinds)
        if failed:
            said = "; ".join(f"{each.subject}: {each.check} ({each.describe()})" for each in failed[:3])
            raise UnsoundModel(
                f"{card.ref} failed {len(failed)} checks that this claim depends on: {said}. Its numbers would not mean "
                f"what they say.{_instead(failed)} `circuitcheck doctor {card.ref}` shows all checks."
            )

    def _read(self, key: str) -> CheckUp | None:
        """None where there is none, or one that is damaged: the model is then examined again."""
        record = None if self.folder is None else read_record(self.folder / f"{key}.json")
        try:
            return None if record is None else CheckUp.from_dict(record)
        except (ValueError, KeyError, TypeError):
            return None

    def _write(self, key: str, found: CheckUp) -> None:
        if self.folder is not None:
            write_record(self.folder / f"{key}.json", found.as_dict())


def _key(card: ModelCard) -> str:
    """With the kinds of site of users: a check-up made without one of them says nothing of it."""
    own = own_kinds_digest()
    return f"{card.ref.fingerprint}-{card.device.partition(':')[0]}{own and '-' + own[:12]}"


def _instead(failed: tuple[Finding, ...]) -> str:
    """What else can be done, where the table of kinds of site says so of all that failed: as where attention is computed by
    code that hooks do not reach."""
    kinds = {kind.name: kind for kind in SITE_KINDS.values()}
    advice = {kinds[each.subject].instead for each in failed if each.subject in kinds}
    if not all(each.subject in kinds for each in failed) or len(advice) != 1:
        return ""
    (said,) = advice
    return f" The library computes these by itself, or in another order. {said}" if said else ""
