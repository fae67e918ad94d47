"""All claims of a run, gathered where the reports are written: those that came back, and those that did not."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from circuitcheck.report.packed import Key, PackedClaims
from circuitcheck.report.repeats import claim_name, marked_repeats

VERDICTS = ("supported", "refuted", "inconclusive", "error", "skipped")
_VANISHED = "it was started and never came back: its process died, or the run was broken off while it ran"
_NOT_REACHED = "it was not reached: the run ended before"

Note = Callable[..., None]


class ClaimLog:
    """Registered as a plugin: under xdist, workers' reports arrive here too. `note` is told of everything as it arrives."""

    def __init__(self, note: Note | None = None) -> None:
        self._note = note
        self._expected: dict[Key, dict[str, Any]] = {}
        self._nodes: set[str] = set()  # of the expected claims
        self._started: set[str] = set()
        self._finished = PackedClaims()
        self._files: set[str] = set()  # of the finished claims
        self._changed: dict[str, str] = {}  # models that were found to be others at the end
        self.seconds_by_file: dict[str, float] = defaultdict(float)
        self.registered: dict[str, dict[str, Any]] = {}  # by claim: what a file of registered claims says of it
        self.drifts: dict[str, dict[str, Any]] = {}  # by claim: what came of comparing it with a baseline
        self.outside: list[str] = []  # tests that are no claims, and asked questions

    def collected(self, claims: list[dict[str, Any]]) -> None:
        """The claims that this run is to decide, each as it stands until it has come back."""
        if claims and not self._expected:
            self._receive("collected", {"claims": claims})

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if nodeid in self._nodes:
            self._receive("started", {"node": nodeid})

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds_by_file[report.location[0]] += report.duration
        if getattr(report, "circuit_asked_outside", False):
            self.outside.append(report.nodeid)
        found = getattr(report, "circuit", None)
        if found is not None:
            self._receive("result", {"claim": found})
            report.circuit = {"verdict": found["verdict"]}  # type: ignore[attr-defined]  # pytest keeps reports to the end
        for fingerprint, reason in getattr(report, "circuit_changed", {}).items():
            if fingerprint not in self._changed:
                self._receive("changed", {"fingerprint": fingerprint, "reason": reason})

    def _receive(self, kind: str, entry: dict[str, Any]) -> None:
        self.take(kind, entry)
        if self._note is not None:
            self._note(kind, **entry)

    def take(self, kind: str, entry: dict[str, Any]) -> None:
        """One entry, from this run or a journal. A later phase's result replaces an earlier one."""
        if kind == "collected":
            self._expected = {_key(claim): claim for claim in entry["claims"]}
            self._nodes = {claim["node"] for claim in entry["claims"]}
        elif kind == "started":
            self._started.add(entry["node"])
        elif kind == "result":
            self._files.add(entry["claim"]["node"].partition("::")[0])
            self._finished[_key(entry["claim"])] = entry["claim"]
        else:
            self._changed[entry["fingerprint"]] = entry["reason"]

    @property
    def has_claims(self) -> bool:
        return bool(len(self._finished) or self._expected)

    @property
    def claims(self) -> list[dict[str, Any]]:
        """Those that came back, in that order, then those that did not. One that asks the same as an earlier one says so.
        They are unpacked each time: ask once."""
        came_back = [self._with_its_model(each) for each in self._finished.values()]
        came_back = [self._with_what_was_before(claim) for claim in came_back]
        return marked_repeats([*came_back, *(self._lost(each) for each in self.unfinished)])

    def _with_what_was_before(self, claim: dict[str, Any]) -> dict[str, Any]:
        name = claim_name(claim)
        return {**claim, "drift": self.drifts.get(name), "registered": self.registered.get(name)}

    @property
    def unfinished(self) -> list[dict[str, Any]]:
        return [claim for key, claim in self._expected.items() if key not in self._finished]

    def _lost(self, claim: dict[str, Any]) -> dict[str, Any]:
        return {**claim, "reason": _VANISHED if claim["node"] in self._started else _NOT_REACHED}

    def _with_its_model(self, claim: dict[str, Any]) -> dict[str, Any]:
        """No claim stands whose model was found changed when all was done: nobody knows since when."""
        reason = self._changed.get((claim["model"] or {}).get("fingerprint") or "")
        return claim if reason is None else {**claim, "verdict": "error", "as_expected": False, "reason": reason}

    @property
    def seconds(self) -> dict[str, float]:
        """Of the files that hold claims: seconds of all their phases, model loading included."""
        return {name: taken for name, taken in self.seconds_by_file.items() if name in self._files}


def summary_of(claims: list[dict[str, Any]]) -> dict[str, int]:
    """How many came to each verdict, and as was expected."""
    return {
        **{verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in VERDICTS},
        "as_expected": sum(claim["as_expected"] for claim in claims),
        "claims": len(claims),
        "different": sum(claim["same_as"] is None for claim in claims),
    }


def _key(claim: dict[str, Any]) -> Key:
    return claim["id"], claim["param"]
