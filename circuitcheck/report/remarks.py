"""What is to be said of all claims of a run together, in sentences. `report` is what the JSON report holds."""

from typing import Any

from circuitcheck.claims.result import same_as_in_words
from circuitcheck.report.log import VERDICTS
from circuitcheck.report.repeats import Claim, claim_name, leaves

_NAMED = 5
_SEARCH = 10  # questions of one shape


def counts(report: dict[str, Any]) -> str:
    summary = report["summary"]
    parts = [f"{summary[verdict]} {verdict}" for verdict in VERDICTS if summary[verdict]]
    counted = "1 claim" if summary["claims"] == 1 else f"{summary['claims']} claims"
    if summary["different"] < summary["claims"]:
        counted += f" ({summary['different']} different)"
    return f"{counted}: {', '.join(parts) or 'nothing to decide'}; {summary['as_expected']} as expected"


def notes(claims: list[Claim]) -> list[str]:
    """What needs words of single claims, before it the names of those that it is said of: a note that many claims share is
    written once."""
    found: dict[str, list[str]] = {}
    for claim in claims:
        fragile = {each["unseen"]["text"] for each in leaves(claim["comparisons"]) if _fragile(each)}
        warnings = [each for each in claim["warnings"] if each not in fragile]  # said of all claims together
        for note in ([claim["reason"]] if claim["reason"] else []) + [*same_as_in_words(claim)] + warnings:
            found.setdefault(note, []).append(claim["id"])
    return [f"{_listed(list(dict.fromkeys(names)))}: {note}" for note, names in found.items()]


def few_prompts(claims: list[Claim]) -> list[str]:
    """The claims whose verdicts a few prompts would overturn that nobody has seen, in one line."""
    names = [claim["id"] for claim in claims if any(map(_fragile, leaves(claim["comparisons"])))]
    if not names:
        return []
    return [
        f"few prompts: {len(names)} of {len(claims)} claims rest on so few that rare ones, unlike any seen, could "
        f"overturn them; each result says how many and how far, and --circuit-first-look draws more: {_listed(names)}"
    ]


def searches(report: dict[str, Any]) -> list[str]:
    """What many questions of one kind come to: some of them are wrong by chance."""
    offer = "" if report["correction"] is not None else "; --circuit-correction holm says which stand together"
    return [
        f"{each['questions']} questions differ only in their heads, layers or thresholds ({each['shape']}): "
        f"{each['decided']} are decided, and up to {each['expected_wrong']:.2g} of such verdicts are wrong by chance{offer}"
        for each in report["shapes"]
        if each["questions"] >= _SEARCH
    ]


def advice(correction: dict[str, Any] | None) -> list[str]:
    """Which claims stand together, and which do not."""
    if correction is None:
        return []
    claims = correction["claims"]
    stand = sum(claim["stands"] for claim in claims)
    promise = f"{correction['method']} at {correction['alpha']:g} ({correction['controls']})"
    fallen = [_fallen(claim) for claim in claims if not claim["stands"]]
    return [f"{promise}: {stand} of {len(claims)} claims stand together", *fallen]


def _fallen(claim: dict[str, Any]) -> str:
    adjusted = "" if claim["adjusted"] is None else f", adjusted {claim['adjusted']:.3g}"
    return f"  does not stand: {claim_name(claim)}, p {claim['p']:.3g}{adjusted}"


def _fragile(each: dict[str, Any]) -> bool:
    return each["unseen"] is not None and bool(each["unseen"]["fragile"])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + ("" if len(names) <= _NAMED else f" and {len(names) - _NAMED} more")


def importance(claim: Claim) -> int:
    """Less where a reader must see it sooner: another verdict than expected, then errors, undecided and untested claims."""
    order = ("supported", "refuted", "error", "inconclusive", "skipped")
    return len(order) if claim["as_expected"] else max(1, order.index(claim["verdict"]))


def wrong_with_run(report: dict[str, Any]) -> list[str]:
    """What is wrong with the run itself."""
    merged = report.get("merged")
    if merged is None:
        end = (
            f"it ended with pytest's exit status {report['exit_status']}" if report["exit_status"] >= 0 else "it has no end"
        )
        return [] if report["complete"] else [f"this run is not complete ({end}): claims without a verdict say why"]
    return [
        *merged["missing"],
        *merged["differences"],
        *(_repeated(each) for each in merged["repeated"]),
    ]


def _repeated(each: dict[str, Any]) -> str:
    other = each["claim"]
    return f"{claim_name(other)} is in {each['file']} as well, where it is {other['verdict']}: {each['kept']} is shown here"
