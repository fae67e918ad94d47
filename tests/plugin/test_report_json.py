"""The JSON report. Every report that these tests write is checked against the schema."""

from pathlib import Path

import pytest
from claims_folder import Folder, Run

import circuitcheck

EVERY_VERDICT = """
@cc.claim("The difference is below 100 – always", id="supported", model="tiny", samples=32, source="arXiv:2211.00593")
def test_supported(model, ioi):
    assert ioi.logit_diff(model.ablate("L0.mlp", kind="zero")) < 100

@claim(id="refuted", samples=32)
def test_refuted(model, ioi):
    assert ioi.logit_diff(model) > 100

@claim(id="denied", samples=32, expect="refuted")
def test_denied(model, ioi):
    assert ioi.accuracy(model) > 0.5

@claim(id="inconclusive", samples=64)
def test_inconclusive(model, ioi):
    assert ioi.logit_diff(model) == cc.approx(0, abs=0.001)

@claim(id="error")
def test_error(model, ioi):
    assert 1 == 2

@claim(id="skipped", model="missing.gguf")
def test_skipped(model, ioi):
    assert ioi.logit_diff(model) < 100
"""


@pytest.fixture(scope="module")
def kept() -> list[Run]:
    return []


@pytest.fixture
def every_verdict(folder: Folder, kept: list[Run]) -> Run:
    """One run for all tests that only read it."""
    if not kept:
        kept.append(folder.run(EVERY_VERDICT))
    return kept[0]


def test_one_report_holds_every_verdict(every_verdict: Run) -> None:
    assert every_verdict.verdicts == {
        "supported": "supported",
        "refuted": "refuted",
        "denied": "refuted",
        "inconclusive": "inconclusive",
        "error": "error",
        "skipped": "skipped",
    }
    assert every_verdict.report["summary"] == {
        "supported": 1,
        "refuted": 2,
        "inconclusive": 1,
        "error": 1,
        "skipped": 1,
        "as_expected": 2,
        "claims": 6,
        "different": 6,
    }


def test_claims_are_in_the_order_they_ran(every_verdict: Run) -> None:
    assert list(every_verdict.claims) == ["supported", "refuted", "denied", "inconclusive", "error", "skipped"]


def test_claim_says_what_it_claims_and_on_which_model(every_verdict: Run) -> None:
    claim = every_verdict.claims["supported"]
    assert claim["text"] == "The difference is below 100 – always"
    assert claim["source"] == "arXiv:2211.00593"
    assert (claim["id"], claim["param"], claim["scope"]) == ("supported", "tiny", "these_templates")
    assert claim["model"]["spec"] == "tiny"
    assert claim["model"]["fingerprint"]


def test_claim_without_a_model_has_none(folder: Folder) -> None:
    run = folder.run("""
@claim(id="it", model=None)
def test_it(ioi):
    assert ioi.logit_diff(cc.load("tiny")) < 100
""")
    assert run.claims["it"]["model"] is None
    assert run.claims["it"]["param"] is None


def test_missing_model_has_a_spec_and_no_fingerprint(every_verdict: Run) -> None:
    assert every_verdict.claims["skipped"]["model"] == {"spec": "missing.gguf", "fingerprint": None}


def test_receipts_prove_interventions(every_verdict: Run) -> None:
    claims = every_verdict.claims
    (receipt,) = claims["supported"]["receipts"]
    assert receipt["changed"] == receipt["prompts"] == 32
    assert receipt["mean_relative_change"] > 1e-6
    assert receipt["sites"]
    assert claims["refuted"]["receipts"] == []


def test_comparison_holds_threshold_interval_looks_and_contrary_prompts(every_verdict: Run) -> None:
    (comparison,) = every_verdict.claims["refuted"]["comparisons"]
    low, high = comparison["ci"]
    assert (comparison["relation"], comparison["threshold"], comparison["margin"]) == (">", 100, None)
    assert low < comparison["estimate"] < high < 100
    assert comparison["looks"] == [[32, low, high]]
    assert (comparison["n"], comparison["templates"], comparison["confidence"]) == (32, 16, 0.95)
    assert len(comparison["contrary"]) == 3


def test_inconclusive_says_why_and_how_many_more_prompts_would_decide(every_verdict: Run) -> None:
    claim = every_verdict.claims["inconclusive"]
    (comparison,) = claim["comparisons"]
    assert claim["reason"]
    assert comparison["margin"] == 0.001
    assert 0 < comparison["n_more"]["0.5"] < comparison["n_more"]["0.8"]
    assert [n for n, _, _ in comparison["looks"]] == [32, 48, 64]


def test_forward_passes_count_what_a_claim_had_to_measure(every_verdict: Run) -> None:
    claims = every_verdict.claims
    assert claims["supported"]["forward_passes"] == 96  # the view, the clean model, and that again for the noise floor
    assert claims["refuted"]["forward_passes"] == 0  # the clean model's first 32 prompts are there
    assert claims["inconclusive"]["forward_passes"] == 32  # the first 32 prompts were measured by the claim before
    assert claims["error"]["forward_passes"] == claims["error"]["prompts"] == 0


def test_error_says_what_was_raised(every_verdict: Run) -> None:
    assert "AssertionError" in every_verdict.claims["error"]["reason"]


def test_value_that_is_no_number_is_null_with_a_reason(folder: Folder) -> None:
    run = folder.run("""
@claim(id="it", samples=32)
def test_it(model, ioi):
    undefined = cc.metric(lambda logits, prompts: logits[:, 0] * float("nan"), name="undefined")
    assert ioi.metric(undefined, model) < 100
""")
    claim = run.claims["it"]
    (comparison,) = claim["comparisons"]
    assert claim["verdict"] == "inconclusive"
    assert comparison["estimate"] is None
    assert comparison["ci"] == [None, None]
    assert "no finite number" in comparison["reason"]
    assert "no finite number" in claim["reason"]
    assert {each["value"] for each in comparison["contrary"]} <= {None}


def test_metric_that_is_a_function_is_said_to_be_local(folder: Folder) -> None:
    run = folder.run("""
@claim(id="it", samples=32)
def test_it(model, ioi):
    assert ioi.metric(cc.metric(lambda logits, prompts: logits[:, 0], name="first_logit"), model) < 100
""")
    assert run.verdicts == {"it": "supported"}
    assert any("first_logit" in warning for warning in run.claims["it"]["warnings"])


def test_environment_names_versions_and_settings(folder: Folder) -> None:
    environment = folder.run(EVERY_VERDICT, "--circuit-device=cpu").report["environment"]
    assert environment["packages"]["circuitcheck"] == circuitcheck.__version__
    assert environment["packages"]["pytest"] == pytest.__version__
    assert (environment["device"], environment["dtype"], environment["seed"]) == ("cpu", "float32", 0)


def test_a_run_without_claims_keeps_the_report_of_an_earlier_one(folder: Folder) -> None:
    folder.run(EVERY_VERDICT)
    before = Path("report.json").read_bytes()
    folder.pytest("hypotheses", "--circuit-report=report.json", "-k", "nothing")
    folder.write("def test_ordinary(): pass\n")
    folder.pytest("hypotheses", "--circuit-report=report.json")
    assert Path("report.json").read_bytes() == before
