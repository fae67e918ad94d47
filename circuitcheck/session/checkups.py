"""Models are examined once: what the doctor found is kept by fingerprint."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from circuitcheck.engine.checkup import VERSION, CheckUp
from circuitcheck.engine.protocol import Engine, ModelCard
from circuitcheck.errors import UnsoundModel


@dataclass
class CheckUpStore:
    """One JSON file for each model in `folder`; in memory only without one."""

    folder: Path | None = None
    _held: dict[str, CheckUp] = field(default_factory=dict)

    def of(self, card: ModelCard, engine: Engine) -> CheckUp:
        """The check-up of this model on this kind of device, made now if it never was."""
        key = f"{card.ref.fingerprint}-{card.device.partition(':')[0]}"
        if key not in self._held:
            found = self._read(key)
            if found is None or (found.fingerprint, found.version) != (card.ref.fingerprint, VERSION):
                found = engine.examine(card.ref)
                self._write(key, found)
            self._held[key] = found
        return self._held[key]

    def require_sound(self, card: ModelCard, engine: Engine, kinds: frozenset[str]) -> None:
        """Raises UnsoundModel where a check failed that work with these kinds of sites depends on."""
        failed = self.of(card, engine).against(kinds)
        if failed:
            said = "; ".join(f"{each.subject}: {each.check} ({each.describe()})" for each in failed[:3])
            raise UnsoundModel(
                f"{card.ref} failed {len(failed)} checks that this claim depends on: {said}. Its numbers would not mean "
                f"what they say. `circuitcheck doctor {card.ref}` shows all checks."
            )

    def _read(self, key: str) -> CheckUp | None:
        """None where there is none, or a file that cannot be read: the model is then examined again."""
        if self.folder is None:
            return None
        try:
            return CheckUp.from_dict(json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, key: str, found: CheckUp) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = self.folder / f"{key}.{os.getpid()}.partial"  # other workers may examine the same model
            partial.write_text(json.dumps(found.as_dict(), indent=1) + "\n", encoding="utf-8")
            partial.replace(self.folder / f"{key}.json")
        except OSError:
            return  # a folder that cannot be written to costs only another examination
