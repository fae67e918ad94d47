"""Reports as they are stored, made without a run."""

from typing import Any

from circuitcheck.report.json_report import report_of
from circuitcheck.report.seal import sealed

ENVIRONMENT = {
    "packages": {"circuitcheck": "0.1.0", "torch": "2.6.0"},
    "python": "3.11.7",
    "platform": "Linux",
    "cpus": 2,
    "device": "cpu",
    "engine": "local",
    "dtype": "float32",
    "seed": 0,
    "confidence": 0.95,
    "first_look": 32,
    "samples": 512,
    "batch": 32,
    "scope": "these_templates",
    "options": [],
    "shard": None,
    "time": "2026-01-01T00:00:00+00:00",
    "commit": "abc123",
}


def comparison(**given: Any) -> dict[str, Any]:
    """`ioi.accuracy(model) > 0.5`, shown at the second of two looks."""
    found = {
        "expression": "ioi.accuracy(model) > 0.5",
        "relation": ">",
        "threshold": 0.5,
        "margin": None,
        "verdict": "supported",
        "estimate": 0.75,
        "ci": [0.625, 0.875],
        "confidence": 0.95,
        "n": 48,
        "task": "ioi",
        "templates": 16,
        "groups": "templates",
        "stream": "test",
        "seed": 0,
        "scope": "these_templates",
        "method": "Clopper-Pearson",
        "method_in_words": "exact interval for a share of prompts",
        "looks": [[32, 0.4, 0.9], [48, 0.625, 0.875]],
        "planned_looks": 9,
        "census": False,
        "noise_floor": 0.0,
        "reason": "",
        "n_more": {},
        "unseen": None,
        "warnings": [],
        "notes": ["it stopped early"],
        "control": None,
        "contrary": [{"index": 3, "template": "went", "text": "Then Ann", "value": 0.0, "linearised": False}],
        "dictionaries": [
            {"name": "q", "spec": "a/b", "fingerprint": "f" * 32, "reads": "L0.z", "writes": "L0.z", "features": 512}
        ],
        "question": "key",
        "shape": "ioi.accuracy(model) > …",
        "tries": None,
        "looked_at": None,
        "rests_on": None,
        "parts": [],
    }
    return {**found, **given}


def claim(name: str = "ioi.task", param: str | None = "organism", **given: Any) -> dict[str, Any]:
    """Supported, as was expected."""
    found = {
        "id": name,
        "param": param,
        "models": [] if param is None else [param],
        "text": "The model does the task",
        "source": "Wang et al. 2022",
        "model": None if param is None else {"spec": param, "fingerprint": "f" * 32},
        "expected": "supported",
        "verdict": "supported",
        "as_expected": True,
        "scope": "these_templates",
        "family": {"name": "heads", "size": 3},
        "evidence": {"p": 0.001, "e": 30.0},
        "comparisons": [comparison(question=f"{name} {param}")],
        "receipts": [
            {
                "model": "organism",
                "view": "ablated",
                "intervention": "mean ablation of L0H1 at END",
                "sites": ["L0.z"],
                "prompts": 48,
                "changed": 47,
                "mean_relative_change": 0.25,
                "idle": [],
                "features": [{"feature": "q[3]", "fires": 7, "mean_activation": 0.5}],
                "mean_output_change": None,
            }
        ],
        "prompts": 48,
        "forward_passes": 96,
        "work": {"whole": 96, "kept": 0, "shortened": 0, "calls": 3, "done": 960, "needed": 960, "why_whole": {}},
        "peak_memory": 1_500_000_000,
        "seconds": 1.5,
        "reason": "",
        "same_as": None,
        "node": f"hypotheses/test_ioi.py::test_{name}[{param}]",
        "pictures": [],
        "warnings": ["few templates"],
        "settings": {"seed": 0, "samples": 512, "first_look": 32, "confidence": 0.95},
        "asserts": ["ioi.accuracy(model) > 0.5"],
        "test_digest": "0" * 32,
        "registered": None,
        "margin": None,
        "drift": None,
        "measured": [],
        "reused": {"values": 0, "of": 96, "since": None, "until": None},
        "digest": None,
    }
    return {**found, **given}


def refuted(name: str, **given: Any) -> dict[str, Any]:
    low = comparison(verdict="refuted", estimate=0.25, ci=[0.125, 0.375], question=name)
    return claim(name, **{"verdict": "refuted", "as_expected": False, "comparisons": [low], **given})


def undecided(name: str, **given: Any) -> dict[str, Any]:
    reason = "the budget was spent"
    unsure = comparison(verdict="inconclusive", reason=reason, n_more={"0.5": 100, "0.8": None}, question=name)
    return claim(name, verdict="inconclusive", as_expected=False, reason=reason, comparisons=[unsure], **given)


def failed(name: str, **given: Any) -> dict[str, Any]:
    return claim(name, verdict="error", as_expected=False, reason="RuntimeError: out of memory", comparisons=[], **given)


def drift(word: str, **given: Any) -> dict[str, Any]:
    """What comparing a claim of one question with a baseline came to."""
    question = {
        "expression": "ioi.accuracy(model) > 0.5",
        "word": word,
        "reason": "a reason",
        "verdict_before": "supported",
        "verdict_now": "refuted" if word == "broke" else "supported",
        "before": 0.875,
        "now": 0.25,
        "interval": [0.125, 0.375],
        "change": [-0.75, -0.5],
        "margin": 0.1875,
        "would_hold_with": 0.75,
        "prompts_more": None,
        "n": 192,
        "confidence": 0.975,
        "method": "paired",
        "prompts": [{"index": 7, "text": "When Mary and John went", "before": 1.0, "now": 0.0}],
        "parts": [],
    }
    found = {
        **{name: question[name] for name in ("word", "reason", "verdict_before", "verdict_now")},
        "key_before": "a claim",
        "fingerprints": ["f" * 32, "e" * 32],
        "changes": [],
        "questions": [question],
    }
    return {**found, **given}


def report(*claims: dict[str, Any], environment: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    exit_status = 0 if all(each["as_expected"] for each in claims) else 1
    made = report_of(list(claims), {**ENVIRONMENT, **(environment or {})}, None, exit_status, complete=True)
    return sealed({**made, **given})
