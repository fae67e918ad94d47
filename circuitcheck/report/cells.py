"""A claim and its comparisons in a few words each, for tables."""

from dataclasses import dataclass
from typing import Any

from circuitcheck.report.repeats import Claim
from circuitcheck.text import in_table

Comparison = dict[str, Any]
_IN_WORDS = {
    "supported": "supported: the prompts show that it holds",
    "refuted": "refuted: the prompts show that it does not hold",
    "inconclusive": "inconclusive: these prompts do not decide it",
    "error": "error: it has no verdict",
    "skipped": "skipped: it was not tested",
}


@dataclass(frozen=True)
class Row:
    """A comparison of a claim. `depth` is above 0 for parts of another; `denied` where the claim is its opposite, as in
    `assert not q < 0`."""

    comparison: Comparison
    depth: int
    denied: bool = False

    @property
    def estimate(self) -> str:
        return "" if self.comparison["parts"] else in_table(self.comparison["estimate"])

    @property
    def interval(self) -> str:
        low, high = self.comparison["ci"]
        return "" if self.comparison["parts"] else f"[{in_table(low)}, {in_table(high)}]"

    @property
    def claimed(self) -> str:
        return ("not " if self.denied else "") + claimed(self.comparison)


def rows_of(claim: Claim) -> list[Row]:
    """The comparisons of a claim, parts after what they are parts of."""
    compared = claim["comparisons"]
    if len(compared) == 1 and not compared[0]["parts"]:
        return [Row(compared[0], 0, {claim["verdict"], compared[0]["verdict"]} == {"supported", "refuted"})]
    return [row for each in compared for row in _nested(each, 0)]


def leaf_rows(claim: Claim) -> list[Row]:
    """Those with numbers of their own."""
    return [row for row in rows_of(claim) if not row.comparison["parts"]]


def _nested(each: Comparison, depth: int) -> list[Row]:
    return [Row(each, depth), *(row for part in each["parts"] for row in _nested(part, depth + 1))]


def verdict_cell(claim: Claim) -> str:
    """The verdict, and whether it was expected, where that is not plain."""
    if claim["verdict"] == claim["expected"] == "refuted":
        return "refuted (expected)"
    return f"{claim['verdict']} (not expected)" if claim["verdict"] == "supported" != claim["expected"] else claim["verdict"]


def verdict_in_words(claim: Claim) -> str:
    if claim["verdict"] == claim["expected"] == "refuted":
        return "refuted, as was expected: the prompts show that it does not hold"
    if claim["verdict"] == "supported" != claim["expected"]:
        return "supported, where it was expected to be refuted"
    return _IN_WORDS[claim["verdict"]]


def claimed(each: Comparison) -> str:
    if each["parts"]:
        return str(each["relation"])
    margin = "" if each["margin"] is None else f" ± {each['margin']:g}"
    if each["control"] is not None:
        return f"beats {each['threshold']:.0%} of {each['control']['draws']}"
    return f"{each['relation']} {each['threshold']:g}{margin}"
