"""All claims of a run, gathered where the reports are written."""

from collections import defaultdict
from typing import Any

import pytest

from circuitcheck.report.questions import marked_repeats

VERDICTS = ("supported", "refuted", "inconclusive", "error", "skipped")


class ClaimLog:
    """Registered as a plugin: under xdist, workers' reports arrive here too. A later phase's result replaces an earlier."""

    def __init__(self) -> None:
        self._claims: dict[tuple[str, str | None], dict[str, Any]] = {}
        self.seconds_by_file: dict[str, float] = defaultdict(float)
        self._files: set[str] = set()
        self._changed: dict[str, str] = {}  # models that were found to be others at the end

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds_by_file[report.location[0]] += report.duration
        found = getattr(report, "circuit", None)
        if found is not None:
            self._files.add(report.location[0])
            self._claims[found["id"], found["param"]] = found
        self._changed.update(getattr(report, "circuit_changed", {}))

    @property
    def claims(self) -> list[dict[str, Any]]:
        """A claim that asks the same as an earlier one says so."""
        return marked_repeats([self._with_its_model(each) for each in self._claims.values()])

    def _with_its_model(self, claim: dict[str, Any]) -> dict[str, Any]:
        """No claim stands whose model was found changed when all was done: nobody knows since when."""
        reason = self._changed.get((claim["model"] or {}).get("fingerprint") or "")
        return claim if reason is None else {**claim, "verdict": "error", "as_expected": False, "reason": reason}

    @property
    def seconds(self) -> dict[str, float]:
        """Of the files that hold claims: seconds of all their phases, model loading included."""
        return {name: taken for name, taken in self.seconds_by_file.items() if name in self._files}

    def summary(self) -> dict[str, int]:
        claims = self.claims
        return {
            **{verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in VERDICTS},
            "as_expected": sum(claim["as_expected"] for claim in claims),
            "claims": len(claims),
            "different": sum(claim["same_as"] is None for claim in claims),
        }
