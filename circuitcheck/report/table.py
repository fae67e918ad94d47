"""The verdict table at the end of a run."""

from typing import Any, Protocol

from circuitcheck.report.log import VERDICTS, ClaimLog, summary_of
from circuitcheck.report.repeats import claim_name, leaves, shapes
from circuitcheck.report.reuse import reuse_line

_HEADS = ("claim", "verdict", "estimate", "interval", "claimed", "prompts", "seconds")
_NAMED = 5
_SEARCH = 10  # questions of one shape
_RIGHT = ("estimate", "prompts", "seconds")
_COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow", "error": "red", "skipped": "yellow"}


class Lines(Protocol):
    """Where a table goes: pytest's terminal reporter, or standard output."""

    def section(self, title: str) -> None: ...
    def write_line(self, line: str, **markup: bool) -> None: ...


def write_table(reporter: Lines, log: ClaimLog, budget: float | None, correction: dict[str, Any] | None) -> None:
    """One line for each comparison; then what needs words, the counts, advice on all claims, and the time by file."""
    claims = log.claims
    rows = [row for claim in claims for row in _rows(claim)]
    widths = [max([len(head), *(len(row[i]) for _, row in rows)]) for i, head in enumerate(_HEADS)]
    reporter.section("circuit hypotheses")
    reporter.write_line(_line(_HEADS, widths), bold=True)
    for claim, row in rows:
        reporter.write_line(_line(row, widths), **_markup(claim))
    for note, names in _notes(claims).items():
        reporter.write_line(f"{_listed(names)}: {note}", yellow=True)
    for line in _few_prompts(claims):
        reporter.write_line(line, yellow=True)
    reporter.write_line(_counts(claims))
    if (reused := reuse_line(claims)) is not None:
        reporter.write_line(reused)
    for line in _searches(claims, correction):
        reporter.write_line(line, yellow=True)
    for line in _advice(correction):
        reporter.write_line(line)
    for name, seconds in log.seconds.items():
        reporter.write_line(f"time: {name} {seconds:.1f} s")
    if budget is not None:
        reporter.write_line(f"time: {sum(log.seconds.values()):.1f} s of a budget of {budget:g} s")


def _rows(claim: dict[str, Any]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    name = claim_name(claim)
    verdict = claim["verdict"] + (" (expected)" if claim["verdict"] == claim["expected"] == "refuted" else "")
    if claim["verdict"] == "supported" != claim["expected"]:
        verdict += " (not expected)"
    compared = claim["comparisons"]
    seconds = f"{claim['seconds']:.1f}"
    if len(compared) == 1 and not compared[0]["parts"]:
        denied = {claim["verdict"], compared[0]["verdict"]} == {"supported", "refuted"}  # `assert not q < 0`
        return [(claim, (name, verdict, *_cells(compared[0], "not " if denied else ""), seconds))]
    rows: list[tuple[str, ...]] = [(name, verdict, "", "", "", "", seconds)]
    rows += [row for each in compared for row in _nested(each, "- ")]
    return [(claim, row) for row in rows]


def _nested(each: dict[str, Any], indent: str) -> list[tuple[str, ...]]:
    row = ("", f"{indent}{each['verdict']}", *_cells(each), "")
    return [row, *(inner for part in each["parts"] for inner in _nested(part, f"  {indent}"))]


def _cells(each: dict[str, Any], before: str = "") -> tuple[str, str, str, str]:
    if each["parts"]:
        return "", "", each["relation"], str(each["n"])
    return _number(each["estimate"]), _interval(each), before + _claimed(each), str(each["n"])


def _notes(claims: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What needs words, with the claims that it is said of: a note that many claims share is written once."""
    found: dict[str, list[str]] = {}
    for claim in claims:
        same = [] if claim["same_as"] is None else [f"asks the same as {claim['same_as']}: together they count once"]
        fragile = {each["unseen"]["text"] for each in leaves(claim["comparisons"]) if _fragile(each)}
        warnings = [each for each in claim["warnings"] if each not in fragile]  # said of all claims together
        for note in ([claim["reason"]] if claim["reason"] else []) + same + warnings:
            found.setdefault(note, []).append(claim["id"])
    return {note: list(dict.fromkeys(names)) for note, names in found.items()}


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + ("" if len(names) <= _NAMED else f" and {len(names) - _NAMED} more")


def _counts(claims: list[dict[str, Any]]) -> str:
    summary = summary_of(claims)
    parts = [f"{summary[verdict]} {verdict}" for verdict in VERDICTS if summary[verdict]]
    counted = "1 claim" if summary["claims"] == 1 else f"{summary['claims']} claims"
    if summary["different"] < summary["claims"]:
        counted += f" ({summary['different']} different)"
    return f"{counted}: {', '.join(parts)}; {summary['as_expected']} as expected"


def _few_prompts(claims: list[dict[str, Any]]) -> list[str]:
    """The claims whose verdicts a few prompts would overturn that nobody has seen, in one line."""
    names = [claim["id"] for claim in claims if any(map(_fragile, leaves(claim["comparisons"])))]
    if not names:
        return []
    return [
        f"few prompts: {len(names)} of {len(claims)} claims rest on so few that rare ones, unlike any seen, could "
        f"overturn them; each result says how many and how far, and --circuit-first-look draws more: {_listed(names)}"
    ]


def _fragile(each: dict[str, Any]) -> bool:
    return each["unseen"] is not None and bool(each["unseen"]["fragile"])


def _searches(claims: list[dict[str, Any]], correction: dict[str, Any] | None) -> list[str]:
    """What many questions of one kind come to: some of them are wrong by chance."""
    offer = "" if correction is not None else "; --circuit-correction holm says which stand together"
    return [
        f"{each['questions']} questions differ only in their heads, layers or thresholds ({each['shape']}): "
        f"{each['decided']} are decided, and up to {each['expected_wrong']:.2g} of such verdicts are wrong by chance{offer}"
        for each in shapes(claims)
        if each["questions"] >= _SEARCH
    ]


def _advice(correction: dict[str, Any] | None) -> list[str]:
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


def _markup(claim: dict[str, Any]) -> dict[str, bool]:
    colour = "green" if claim["as_expected"] else _COLOURS[claim["verdict"]] if claim["verdict"] != "supported" else "red"
    return {colour: True}


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = [
        cell.rjust(width) if head in _RIGHT else cell.ljust(width)
        for head, cell, width in zip(_HEADS, cells, widths, strict=True)
    ]
    return "  ".join(aligned).rstrip()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 3) + 0.0:.3f}"  # 0.000 has no sign


def _interval(each: dict[str, Any]) -> str:
    low, high = each["ci"]
    return f"[{_number(low)}, {_number(high)}]"


def _claimed(each: dict[str, Any]) -> str:
    margin = "" if each["margin"] is None else f" ± {each['margin']:g}"
    if each["control"] is not None:
        return f"beats {each['threshold']:.0%} of {each['control']['draws']}"
    return f"{each['relation']} {each['threshold']:g}{margin}"
