"""Examinations of a loaded model: is every site what it says, can a run be repeated, what becomes of text."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from circuitcheck.engine.checkup import EVERYTHING, CheckUp, Finding
from circuitcheck.engine.torch.doctor.examined import BREAKDOWNS, TOKENS, ExaminedModel, refusal
from circuitcheck.engine.torch.doctor.plans import check_plans
from circuitcheck.engine.torch.doctor.runs_and_text import check_left_behind, check_numbers, check_runs, check_text
from circuitcheck.engine.torch.doctor.sites import check_sites
from circuitcheck.engine.torch.doctor.sums import check_sums
from circuitcheck.engine.torch.loaded.model import LoadedModel

__all__ = ["examine"]


def examine(loaded: LoadedModel) -> CheckUp:
    """Every check on one model. Raises ModelChanged for one with somebody's hooks, or changed weights."""
    started = time.monotonic()
    examined, ref = ExaminedModel(loaded), loaded.card.ref
    checks = (check_runs, check_text, check_sites, check_sums, check_plans, check_left_behind)
    if loaded.card.architecture.n_ctx < TOKENS:
        detail = f"an examination takes {TOKENS} tokens, and this model reads {loaded.card.architecture.n_ctx}"
        findings: tuple[Finding, ...] = (Finding(EVERYTHING, "its context is long enough", "refused", detail=detail),)
    else:
        findings = tuple(check_numbers(examined))
        if not any(each.status == "failed" for each in findings):  # else nothing further could be told
            findings += tuple(finding for check in checks for finding in _made(check, examined))
    return CheckUp(ref.spec, ref.fingerprint, loaded.device.type, ref.dtype, time.monotonic() - started, findings)


def _made(check: Callable[[ExaminedModel], Iterator[Finding]], examined: ExaminedModel) -> list[Finding]:
    """The findings of a check, up to where the library broke down, if it did."""
    found: list[Finding] = []
    try:
        found.extend(check(examined))
    except BREAKDOWNS as error:
        what = check.__name__.replace("check_", "the checks of ")
        return [*found, replace(refusal(EVERYTHING, f"{what} can be made", error), status="failed")]
    return found
