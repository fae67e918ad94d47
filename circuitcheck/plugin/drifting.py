"""A baseline that a run is compared with, and how it is written anew."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from circuitcheck.errors import BadRecord, CircuitCheckError
from circuitcheck.plugin.options import baseline_path, given_models, shard_of, value_of
from circuitcheck.report import ClaimLog
from circuitcheck.report.seal import claim_digest
from circuitcheck.runs.baseline import read_baseline, updated, values_beside, write_baseline
from circuitcheck.runs.compare import compare_runs
from circuitcheck.runs.condition import failing
from circuitcheck.runs.drift_record import drift_record, whole_record
from circuitcheck.runs.drift_table import Lines, write_drift
from circuitcheck.runs.reading import Record, claim_key
from circuitcheck.text import first_line

_BEFORE = pytest.StashKey[Sequence[Record]]()
_FOUND = pytest.StashKey[dict[str, Any]]()  # the comparison, as JSON holds it
_FAILED = pytest.StashKey[str]()
_SAID = pytest.StashKey[list[str]]()


def open_baseline(config: pytest.Config) -> None:
    """Where results are gathered, before any claim runs. Raises UsageError for a baseline that cannot be used."""
    path, update = baseline_path(config), value_of(config, "baseline_update")
    if path is None or hasattr(config, "workerinput") or _BEFORE in config.stash:
        return
    config.stash[_BEFORE], config.stash[_SAID] = [], []
    if not path.exists():
        if update == "none":
            raise pytest.UsageError(
                f"--circuit-baseline {path}: there is no such file. --circuit-baseline-update new writes it from this run."
            )
        return
    try:
        config.stash[_BEFORE] = read_baseline(path)
    except BadRecord as error:
        if update != "all":
            raise pytest.UsageError(f"--circuit-baseline: {error}") from error
        config.stash[_SAID].append(f"the earlier baseline is not compared with: {error}")


def compare_now(config: pytest.Config, log: ClaimLog) -> bool:
    """Each claim gets what came of it. Is it to fail?"""
    path = baseline_path(config)
    if path is None or _BEFORE not in config.stash:
        return False
    claims = log.claims
    before, missing = _met(config, config.stash[_BEFORE], claims)
    try:
        found = compare_runs(before, claims, given_models(config))
    except (CircuitCheckError, ArithmeticError, ValueError) as error:  # of a baseline that somebody made by hand
        config.stash[_FOUND] = {"claims": [], "orphans": [], "not_run": missing}
        config.stash[_SAID].append(f"nothing could be compared: {first_line(error)}")
        config.stash[_FAILED] = "the baseline does not fit together"
        return True
    log.drifts = {each.key: drift_record(each) for each in found.claims}
    config.stash[_FOUND] = {**whole_record(found), "not_run": missing}
    fails = failing(value_of(config, "compare_fail"))
    update = value_of(config, "baseline_update")
    accepted = update == "all"
    if not accepted and fails.holds(found.counts):
        config.stash[_FAILED] = fails.text
    if update != "none":
        _write(config, path, claims, replacing=accepted)
    return _FAILED in config.stash


def told_of_baseline(config: pytest.Config) -> dict[str, Any]:
    """For reports: what is not of one claim. Nothing where nothing was compared."""
    found = config.stash.get(_FOUND, None)
    if found is None:
        return {}
    failed = [config.stash[_FAILED]] if _FAILED in config.stash else []
    return {"baseline": {name: found.get(name, []) for name in ("orphans", "new", "not_run")} | {"failed": failed}}


def write_summary(config: pytest.Config, out: Any) -> None:
    """The section on drift."""
    found = config.stash.get(_FOUND, None)
    if found is None:
        return
    out.section("drift")
    lines: Lines = out
    if found["claims"] or found["orphans"]:
        write_drift(lines, found, whole=config.option.verbose > 0)
    else:
        out.write_line("no claim of this run is in the baseline")
    if found["not_run"]:
        out.write_line(f"{len(found['not_run'])} claims of the baseline were not run")
    for line in config.stash[_SAID]:
        out.write_line(line, yellow=True)
    if _FAILED in config.stash:
        out.write_line(f"failed: {config.stash[_FAILED]} (--circuit-compare-fail)", red=True)


def _write(config: pytest.Config, path: Path, claims: Iterable[Record], *, replacing: bool) -> None:
    kept = updated(config.stash[_BEFORE], [_bare(claim) for claim in claims], replacing=replacing)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_baseline(path, kept)
    except (OSError, ValueError) as error:
        config.stash[_FAILED] = "the baseline could not be written"
        config.stash[_SAID].append(f"baseline NOT written to {path}: {first_line(error)}")
        return
    config.stash[_SAID].append(f"baseline: {len(kept)} claims in {path}, values in {values_beside(path).name}: commit both")


def _bare(claim: Mapping[str, Any]) -> dict[str, Any]:
    """Without what this run found of it in comparing."""
    bare = {**claim, "drift": None, "same_as": None, "seconds": 0.0}
    return {**bare, "digest": claim_digest(bare)}


def _met(config: pytest.Config, before: Sequence[Record], claims: list[dict[str, Any]]) -> tuple[list[Record], list[str]]:
    """Of a baseline, what this run was to meet, and the names of what it was not asked to run: where a part of the tests
    was chosen, or their file was not collected, a claim that is not there is no orphan."""
    models = given_models(config)
    there = {claim_key(claim) for claim in claims}
    files = {claim["node"].partition("::")[0] for claim in claims}
    chosen = bool(config.option.keyword or config.option.markexpr or getattr(config.option, "deselect", None))
    chosen |= shard_of(config) is not None
    chosen |= any("::" in str(each) for each in config.args) or bool(getattr(config.option, "lf", False))
    met: list[Record] = []
    missing: list[Record] = []
    for claim in before:
        key = claim_key({**claim, "param": models.get(claim["param"], claim["param"])})
        file = claim["node"].partition("::")[0]
        gone = not chosen and (file in files or not (config.rootpath / file).exists())
        (met if key in there or gone else missing).append(claim)
    return met, [claim_key(claim) for claim in missing]
