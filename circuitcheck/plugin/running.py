"""Running one claim: recording what it asks, and saying what came of it."""

import math
import re
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from circuitcheck.claims import Claim, ClaimRecorder, ClaimResult, asserted_by, wording_of
from circuitcheck.engine.protocol import Work
from circuitcheck.errors import CircuitCheckError, Inconclusive, ModelUnavailable, Refuted
from circuitcheck.peak_memory import most_held, start_counting
from circuitcheck.plugin.claim_settings import claim_settings
from circuitcheck.plugin.collecting import claim_of, model_of
from circuitcheck.plugin.options import require_models, value_of
from circuitcheck.plugin.tracebacks import shorten_traceback
from circuitcheck.quantities import Model, recording
from circuitcheck.sampling import Evidence
from circuitcheck.session import NOTHING_REUSED, Reuse, Session, Settings
from circuitcheck.text import all_printable, first_line


@dataclass
class ClaimRun:
    """One item's run of its claim."""

    claim: Claim
    recorder: ClaimRecorder
    passes_before: int
    reused_before: int
    work_before: Work
    counts_memory: bool
    started: float = field(default_factory=time.perf_counter)
    inconclusive: str = ""
    done: bool = False
    refuted: bool = False  # whatever other plugins make of the error


_NO_FIXTURE = re.compile(r"fixture '(\w+)' not found")
_NO_NAME = re.compile(r"NameError: name '(\w+)' is not defined")

RUN = pytest.StashKey[ClaimRun]()


def run_claim(item: pytest.Function, claim: Claim, session: Session) -> Generator[None, object, object]:
    """Around the call of the test function. Turns an AssertionError that a comparison brought about into Refuted."""
    __tracebackhide__ = True
    settings = claim_settings(item.config, session.settings, claim)
    recorder = ClaimRecorder(claim, settings, asserted_by(item.function))
    run = item.stash[RUN] = ClaimRun(
        claim, recorder, session.forward_passes, len(session.reused), session.work, start_counting()
    )
    with recording(recorder):
        try:
            result = yield
            recorder.finish()
        except ModelUnavailable as error:
            if require_models(item.config):
                raise
            pytest.skip(str(error))
        except CircuitCheckError as error:
            _note_verdict(run, error)
            if run.inconclusive and value_of(item.config, "inconclusive") == "skip":
                pytest.skip(f"inconclusive: {error}")
            shorten_traceback(error)
            raise
        except AssertionError as error:
            refuted = recorder.refutation(error.__traceback__)
            if refuted is None:
                raise
            raise refuted.with_traceback(error.__traceback__) from None
        except Exception as error:
            shorten_traceback(error)
            raise
        finally:
            run.done = True
    return result


def _note_verdict(run: ClaimRun, error: CircuitCheckError) -> None:
    run.refuted = isinstance(error, Refuted)
    run.inconclusive = str(error) if isinstance(error, Inconclusive) else ""


def is_subtest(item: pytest.Item) -> bool:
    """Is it a part of a claim's test that is reported, and says nothing of the whole yet?"""
    run = item.stash.get(RUN, None)
    return run is not None and not run.done


def expect_in_subtest(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Of a claim that is expected to be refuted, a part may be, and another may not: neither is a failure."""
    run = item.stash.get(RUN, None)
    if run is None or run.claim.expect != "refuted":
        return
    if call.excinfo is None:
        report.outcome, report.longrepr = "passed", None
    elif run.recorder.refutation(call.excinfo.tb) is not None:
        report.outcome = "skipped"
        report.wasxfail = "expected to be refuted"


def result_of(
    item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport, session: Session
) -> ClaimResult | None:
    """The claim's result, at the phase that settles it; None for items that are no claims and for other phases."""
    claim = claim_of(item)
    if claim is None or (call.when != "call" and report.passed):
        return None
    run = item.stash.get(RUN, None)
    verdict, reason = _verdict(call, report, run)
    model = getattr(item, "funcargs", {}).get("circuit_model")
    return ClaimResult(
        claim=claim,
        model=model_of(item, claim),
        fingerprint=model.ref.fingerprint if isinstance(model, Model) else None,
        verdict=verdict,
        comparisons=run.recorder.results if run else (),
        seconds=time.perf_counter() - run.started if run else report.duration,
        forward_passes=session.forward_passes - run.passes_before if run else 0,
        reused=Reuse.together(session.reused[run.reused_before :]) if run else NOTHING_REUSED,
        work=session.work - run.work_before if run else Work(),
        peak_memory=most_held() if run and run.counts_memory else None,
        scope=run.recorder.settings.scope if run else claim.scope or session.settings.scope,
        node=item.nodeid,
        reason=reason,
        evidence=_evidence(item, verdict, claim, run),
        warnings=run.recorder.warnings(passed=call.excinfo is None) if run else (),
        wording=wording_of(getattr(item, "function", None)),
        settings=claim_settings(item.config, session.settings, claim),
        pictures=run.recorder.pictures if run else (),
    )


def forget(item: pytest.Item) -> None:
    """pytest keeps items to the end, and thousands of claims have results."""
    if RUN in item.stash:
        del item.stash[RUN]


def unfinished(item: pytest.Item, claim: Claim, settings: Settings) -> ClaimResult:
    """A claim that was collected, as it stands until it has come back."""
    held = claim_settings(item.config, settings, claim)
    return ClaimResult(
        claim,
        model_of(item, claim),
        None,
        "error",
        (),
        0.0,
        0,
        held.scope,
        item.nodeid,
        "it has not come back",
        wording=wording_of(getattr(item, "function", None)),
        settings=held,
    )


def _evidence(item: pytest.Item, verdict: str, claim: Claim, run: ClaimRun | None) -> Evidence | None:
    """Of a claim that came to a verdict, where advice on all claims is wanted: working it out takes time."""
    if (
        run is None
        or not run.recorder.results
        or verdict in ("error", "skipped")
        or value_of(item.config, "correction") == "none"
    ):
        return None
    return run.recorder.evidence(verdict if verdict == claim.expect else "other")


def attach(result: ClaimResult, item: pytest.Item, report: pytest.TestReport, settings: Settings) -> None:
    """Put a result where reports find it: builtins on the report, strings for JUnit, the seed with every failure."""
    report.circuit = result.to_builtins()  # type: ignore[attr-defined]
    others = [(name, value) for name, value in item.user_properties if not name.startswith("circuit_")]
    item.user_properties[:] = [
        *others,
        ("circuit_claim", result.claim.key(result.model)),
        ("circuit_verdict", result.verdict),
        *_numbers(result),
        *(("circuit_comparison", f"{each.expression}: {each.summary()}") for each in result.comparisons[:3]),
    ]
    item.user_properties[:] = [(name, all_printable(value)) for name, value in item.user_properties]
    report.user_properties = list(item.user_properties)
    _make_encodable(report)
    if report.failed:
        said = f"claim {result.claim.key(result.model)}, seed {settings.seed}"
        report.sections.append(
            ("circuitcheck", said + _missing_fixture(report) + _forgotten_argument(report) + _found_instead(result, report))
        )


def _numbers(result: ClaimResult) -> list[tuple[str, str]]:
    """Of a claim's only comparison, for programs that read JUnit files; a number that is not finite has no entry."""
    if len(result.comparisons) != 1:
        return []
    decision = result.comparisons[0].decision
    found = {"estimate": decision.estimate, "low": decision.low, "high": decision.high}
    return [(f"circuit_{name}", repr(float(value))) for name, value in found.items() if math.isfinite(value)]


def _missing_fixture(report: pytest.TestReport) -> str:
    """What to do where a conftest.py lacks its line."""
    missing = report.when == "setup" and _NO_FIXTURE.search(report.longreprtext)
    if not missing:
        return ""
    from circuitcheck import fixtures

    line = "from circuitcheck.fixtures import *"
    if missing[1] in fixtures.__all__:
        return f"\nThe fixture {missing[1]!r} comes with this line in the folder's conftest.py: {line}"
    names = ", ".join(fixtures.__all__)
    return f"\nThere is no fixture {missing[1]!r}. Those of circuitcheck are {names}; others are in cc.tasks."


def _forgotten_argument(report: pytest.TestReport) -> str:
    """What to do where a test uses a fixture that it does not ask for."""
    unknown = report.when == "call" and _NO_NAME.search(report.longreprtext)
    if not unknown:
        return ""
    from circuitcheck import fixtures

    name = unknown[1]
    known = name in (*fixtures.__all__, "circuit_model", "load_model", "saes")
    return f"\n{name!r} is a fixture: make it an argument, def test_...({name})." if known else ""


def _found_instead(result: ClaimResult, report: pytest.TestReport) -> str:
    """By how much a claim held that was expected to fail: pytest only says that it did."""
    if not _passed_unexpectedly(report):
        return ""
    return "\n".join(["\nit was expected to fail, and it passed:", *(each.describe() for each in result.comparisons)])


def _make_encodable(report: pytest.TestReport) -> None:
    """A lone surrogate in an error or in captured output is more than other processes and files can take."""
    report.sections = [(name, _encodable(text)) for name, text in report.sections]
    text = report.longreprtext
    if text != _encodable(text):
        report.longrepr = _encodable(text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _passed_unexpectedly(report: pytest.TestReport) -> bool:
    return report.longreprtext.startswith("[XPASS(strict)]")


def _verdict(call: pytest.CallInfo[Any], report: pytest.TestReport, run: ClaimRun | None) -> tuple[str, str]:
    if report.failed and run is not None and (run.refuted or run.recorder.refuted_inside("pytest_check")):
        return "refuted", ""  # also where pytest-check collects what failed, and reports it in its own words
    if call.excinfo is None and report.failed and not _passed_unexpectedly(report):
        return "error", f"the test failed: {(report.longreprtext.splitlines() or [''])[-1]}"
    if call.excinfo is None:
        return "supported", ""
    error = call.excinfo.value
    if call.when == "call" and run is not None and run.inconclusive:
        return "inconclusive", next((r.decision.reason for r in run.recorder.results if r.decision.reason), run.inconclusive)
    if isinstance(error, Refuted):
        return "refuted", ""
    if report.skipped and isinstance(error, pytest.skip.Exception):
        return "skipped", str(error)
    if isinstance(error, pytest.FixtureLookupError):
        return "error", f"there is no fixture {error.argname!r}"
    return "error", f"{type(error).__name__}: {first_line(error)}"
