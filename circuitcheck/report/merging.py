"""Runs of parts of one suite, such as shards, put together. Nothing is lost: what does not go together is named."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from circuitcheck.claims import advice
from circuitcheck.report.json_report import RAN, report_of
from circuitcheck.report.remarks import importance
from circuitcheck.report.repeats import Claim, claim_name, marked_repeats
from circuitcheck.report.seal import sealed

Report = dict[str, Any]
_MAY_DIFFER = ("time", "shard", "options")  # as options that matter are settings, too


def merged(reports: Mapping[str, Report]) -> Report:
    """One report of several, by the names of their files."""
    runs = [run for file, report in reports.items() for run in _runs(file, report)]
    claims, repeated = _together(reports)
    correction, disagreement = _correction(list(reports.values()), claims)
    missing = [*_missing_shards(runs), *_incomplete(runs)]
    whole = report_of(
        claims,
        {**runs[0]["environment"], "shard": None},
        correction,
        max((run["exit_status"] for run in runs), key=lambda status: (status not in RAN, abs(status))),
        complete=not missing,
    )
    whole |= _baseline(list(reports.values()), claims)
    whole["merged"] = {
        "runs": runs,
        "missing": missing,
        "differences": [*_differences(runs), *disagreement],
        "repeated": repeated,
    }
    return sealed(whole)


def _runs(file: str, report: Report) -> list[dict[str, Any]]:
    """A report that was merged before brings its own."""
    if "merged" in report:
        return [{**run, "file": f"{file}: {run['file']}"} for run in report["merged"]["runs"]]
    run = {name: report[name] for name in ("environment", "exit_status", "complete")}
    extra = {"extra": report["extra"]} if "extra" in report else {}
    return [{"file": file, **run, "claims": list(map(claim_name, report["claims"])), **extra}]


def _together(reports: Mapping[str, Report]) -> tuple[list[Claim], list[dict[str, Any]]]:
    """The claims, each once, and the results that another was taken before. One with a verdict is taken before one without;
    of two verdicts, one that was not expected; then the first."""
    found: dict[str, list[tuple[str, Claim]]] = {}
    repeated = [each for report in reports.values() for each in report.get("merged", {}).get("repeated", [])]
    for file, report in reports.items():
        for claim in report["claims"]:
            found.setdefault(claim_name(claim), []).append((file, {**claim, "same_as": None}))
    taken = []
    for results in found.values():
        kept = min(results, key=lambda result: _rank(result[1]))
        taken.append(kept[1])
        repeated += [{"file": file, "kept": kept[0], "claim": claim} for file, claim in results if claim is not kept[1]]
    return marked_repeats(taken), repeated


def _rank(claim: Claim) -> tuple[bool, int]:
    return claim["verdict"] in ("error", "skipped"), importance(claim)


def _correction(reports: Sequence[Report], claims: list[Claim]) -> tuple[dict[str, Any] | None, list[str]]:
    """Advice on all claims together, which no part could give."""
    asked = {(each["method"], each["alpha"]) if (each := report["correction"]) else None for report in reports}
    if asked == {None}:
        return None, []
    if None in asked or len(asked) > 1:
        return None, ["the runs were not corrected alike (--circuit-correction): nothing is said of which claims stand"]
    ((method, alpha),) = (each for each in asked if each is not None)
    return advice(claims, method, alpha), []


def _baseline(reports: Sequence[Report], claims: list[Claim]) -> dict[str, Any]:
    """What the runs say of one together: a claim that one of them did not run is in another."""
    told = [report["baseline"] for report in reports if "baseline" in report]
    if not told:
        return {}
    run = set(map(claim_name, claims))
    names = {what: dict.fromkeys(name for each in told for name in each[what]) for what in ("orphans", "new", "not_run")}
    absent = {what: [name for name in names[what] if name not in run] for what in ("orphans", "not_run")}
    failed = [*dict.fromkeys(text for each in told for text in each["failed"])]
    return {"baseline": {**absent, "new": [*names["new"]], "failed": failed}}


def _missing_shards(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    shards = {tuple(map(int, shard.split("/"))) for run in runs if (shard := run["environment"].get("shard"))}
    counts = {count for _, count in shards}
    if len(counts) > 1:
        yield f"the suite was cut in different ways: into {' and into '.join(map(str, sorted(counts)))} shards"
    for count in sorted(counts):
        absent = [str(number) for number in range(1, count + 1) if (number, count) not in shards]
        if absent:
            yield f"missing of {count} shards: {', '.join(absent[:20])}{' ...' if len(absent) > 20 else ''}"


def _incomplete(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (
        f"{run['file']} is not complete: pytest's exit status is {run['exit_status']}" for run in runs if not run["complete"]
    )


def _differences(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What the runs were made with, where it is not the same."""
    flat = [dict(_flat(run["environment"])) for run in runs]
    for name in dict.fromkeys(name for each in flat for name in each):
        values: dict[str, list[str]] = {}
        for run, each in zip(runs, flat, strict=True):
            values.setdefault(str(each.get(name, "not there")), []).append(run["file"])
        if len(values) > 1:
            said = "; ".join(f"{value} in {', '.join(files)}" for value, files in values.items())
            yield f"{name} differs: {said}"


def _flat(environment: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in environment.items():
        if isinstance(value, dict):
            yield from value.items()
        elif name not in _MAY_DIFFER:
            yield name, value
