"""What came of comparing two runs, as JSON holds it; `report.schema.json` says how."""

from collections.abc import Iterable
from typing import Any

from circuitcheck.fields import finite
from circuitcheck.runs.compare import Compared, Comparison
from circuitcheck.runs.questions import Question
from circuitcheck.text import all_printable


def drift_record(claim: Compared) -> dict[str, Any]:
    """The `drift` of a claim."""
    found: dict[str, Any] = all_printable(
        {
            "word": claim.word,
            "reason": claim.reason,
            "verdict_before": claim.verdicts[0],
            "verdict_now": claim.verdicts[1],
            "key_before": claim.key_before,
            "fingerprints": [*claim.models],
            "changes": [*claim.changes],
            "questions": [_question(each) for each in claim.questions],
        }
    )
    return found


def whole_record(found: Comparison) -> dict[str, Any]:
    """All claims, and those that only one of the runs has."""
    claims = [{"claim": claim.key, **drift_record(claim)} for claim in found.claims]
    return {"counts": found.counts, "claims": claims, "orphans": [*found.orphans], "new": [*found.fresh]}


def _question(question: Question) -> dict[str, Any]:
    drift = question.drift
    return {
        "expression": question.expression,
        "word": drift.word,
        "reason": drift.reason,
        "verdict_before": question.verdicts[0],
        "verdict_now": question.verdicts[1],
        "before": finite(drift.before),
        "now": finite(drift.now),
        "interval": _ends(drift.interval),
        "change": _ends(drift.change),
        "margin": finite(drift.margin),
        "would_hold_with": finite(drift.needed),
        "prompts_more": drift.more,
        "n": drift.n,
        "confidence": finite(drift.confidence),
        "method": drift.method,
        "prompts": [
            {"index": each.index, "text": each.text, "before": each.before, "now": each.now} for each in question.prompts
        ],
        "parts": [_question(part) for part in question.parts],
    }


def _ends(ends: Iterable[float]) -> list[float | None]:
    return [finite(each) for each in ends]
