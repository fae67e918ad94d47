"""A claim's result, as reports and other processes get it."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from circuitcheck.claims.claim import Claim
from circuitcheck.engine.protocol import on_most_prompts
from circuitcheck.quantities import ComparisonResult
from circuitcheck.quantities.questions.history import Looks, Tries
from circuitcheck.quantities.questions.result import ControlResult
from circuitcheck.sampling import Evidence, Unseen
from circuitcheck.text import all_printable


@dataclass(frozen=True)
class ClaimResult:
    """`verdict` is supported, refuted, inconclusive, error or skipped; `reason` says why for the last three. `node` is the
    id of its test."""

    claim: Claim
    model: str | None
    fingerprint: str | None
    verdict: str
    comparisons: tuple[ComparisonResult, ...]
    seconds: float
    forward_passes: int
    scope: str
    node: str
    reason: str = ""
    warnings: tuple[str, ...] = ()
    evidence: Evidence | None = None

    @property
    def as_expected(self) -> bool:
        return self.verdict == self.claim.expect

    def to_builtins(self) -> dict[str, Any]:
        """Only None, bool, int, float, printable str, list and dict, as xdist and JSON want it; no NaN or infinity."""
        receipts = on_most_prompts(receipt for comparison in self.comparisons for receipt in comparison.receipts)
        found = {
            "id": self.claim.id,
            "param": self.model,
            "text": self.claim.text,
            "source": self.claim.source,
            "model": None if self.model is None else {"spec": self.model, "fingerprint": self.fingerprint},
            "expected": self.claim.expect,
            "verdict": self.verdict,
            "as_expected": self.as_expected,
            "scope": self.scope,
            "family": None if self.claim.family is None else {"name": self.claim.family, "size": self.claim.family_size},
            "evidence": None if self.evidence is None else {"p": float(self.evidence.p), "e": finite(self.evidence.e)},
            "comparisons": [_comparison(each) for each in self.comparisons],
            "receipts": [
                {
                    "model": each.model,
                    "view": each.view,
                    "intervention": each.intervention,
                    "sites": list(each.sites),
                    "prompts": each.prompts,
                    "changed": each.changed,
                    "mean_relative_change": finite(each.mean_relative_change),
                    "idle": list(each.idle),
                }
                for each in receipts
            ],
            "prompts": max((each.decision.n for each in self.comparisons), default=0),
            "forward_passes": self.forward_passes,
            "seconds": float(self.seconds),
            "reason": self.reason,
            "same_as": None,
            "node": self.node,
            "warnings": [*self.warnings, *(note for each in self.comparisons for note in each.warnings)],
        }
        printed: dict[str, Any] = all_printable(found)
        return printed


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _comparison(result: ComparisonResult) -> dict[str, Any]:
    decision = result.decision
    return {
        "expression": result.expression,
        "relation": result.relation,
        "threshold": None if result.threshold is None else float(result.threshold),
        "margin": None if result.margin is None else float(result.margin),
        "verdict": decision.verdict,
        "estimate": finite(decision.estimate),
        "ci": [finite(decision.low), finite(decision.high)],
        "confidence": float(decision.confidence),
        "method": decision.method,
        "method_in_words": decision.words,
        "unseen": None if decision.unseen is None else _unseen(decision.unseen),
        "n": int(decision.n),
        "looks": [[int(n), finite(low), finite(high)] for n, low, high in decision.looks],
        "exhausted": bool(decision.exhausted),
        "templates": int(result.templates),
        "groups": result.groups,
        "stream": result.stream,
        "seed": int(result.seed),
        "reason": decision.reason,
        "warnings": list(result.warnings),
        "notes": list(decision.notes),
        "noise_floor": finite(decision.noise),
        "n_more": {f"{power:g}": count for power, count in decision.n_more},
        "contrary": [{**asdict(each), "index": each.index, "value": finite(each.value)} for each in result.contrary],
        "question": result.question,
        "shape": result.shape,
        "tries": None if result.tries is None else _tries(result.tries),
        "looked_at": None if result.looks is None else _looked_at(result.looks),
        "control": None if result.control is None else _control(result.control),
        "parts": [_comparison(part) for part in result.parts],
    }


def _tries(tries: Tries) -> dict[str, Any]:
    earlier = [{name: getattr(each, name) for name in ("claim", "seed", "budget", "verdict")} for each in tries.earlier]
    return {"count": tries.count, "level": float(tries.level), "p": float(tries.p), "holds": tries.holds, "earlier": earlier}


def _looked_at(looks: Looks) -> dict[str, Any]:
    return {"views": looks.views, "level": float(looks.level), "p": float(looks.p), "holds": looks.holds, "of": looks.of}


def _unseen(unseen: Unseen) -> dict[str, Any]:
    return {
        "share": float(unseen.share),
        "of": unseen.what,
        "seen": int(unseen.n),
        "low": float(unseen.low),
        "high": float(unseen.high),
        "overturned_beyond": None if unseen.beyond is None else finite(unseen.beyond),
        "fragile": unseen.fragile,
        "text": unseen.describe(),
    }


def _control(control: ControlResult) -> dict[str, Any]:
    return {
        "like": control.like,
        "matched": int(control.matched),
        "seed": int(control.seed),
        "own": finite(control.own),
        "strongest": control.strongest,
        "strongest_effect": finite(control.strongest_effect),
        **{name: int(value) for name, value in asdict(control.tally).items() if name != "complete"},
        "complete": bool(control.tally.complete),
    }
