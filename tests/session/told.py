"""An engine that keeps what it was asked."""

from typing import Any

import circuitcheck as cc
from circuitcheck.engine.torch import LocalEngine


class Told(LocalEngine):
    """A LocalEngine that says so in its own class, and keeps what it runs and loads."""

    numerics, witness = LocalEngine.numerics, LocalEngine.witness
    dictionary_witness = LocalEngine.dictionary_witness

    def __init__(self, settings: cc.Settings) -> None:
        super().__init__(settings.device)
        self.runs: list[Any] = []
        self.loads: list[str] = []

    def run(self, plan: Any, rows: range) -> Any:
        self.runs.append((rows, plan))
        return super().run(plan, rows)

    def load(self, spec: str, **how: Any) -> Any:
        self.loads.append(spec)
        return super().load(spec, **how)

    @property
    def weights(self) -> int:
        """How many models it holds."""
        return len(self._pool._models)
