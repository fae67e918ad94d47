"""What the page shows of each claim, ready for the template: texts and places, no decisions."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from circuitcheck.claims.result import FIELDS as CLAIM
from circuitcheck.fields import Field, lines_of
from circuitcheck.quantities.questions.result_fields import FIELDS as COMPARISON
from circuitcheck.report.cells import Row, rows_of, verdict_in_words
from circuitcheck.report.drifted import ALARMED, sentences
from circuitcheck.report.page.drawings import drawing_of
from circuitcheck.report.page.strips import Scale, Strip, scale_of, strip_of
from circuitcheck.report.repeats import Claim, claim_name
from circuitcheck.text import in_table

_LONGEST = 2000  # characters of one text
_PARTS = 8  # shown before a claim is opened
_SAID_OF_THE_CLAIM = ("warning",)
_ANCHOR = re.compile(r"[^A-Za-z0-9._-]+")
Lines = list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Look:
    n: int
    interval: str
    strip: Strip | None


@dataclass(frozen=True)
class ComparisonView:
    """`ends` are the numbers at the left, at the threshold and at the right of its strips."""

    row: Row
    expression: str
    verdict: str
    strip: Strip | None
    looks: list[Look]
    ends: tuple[str, str, str] | None
    lines: Lines


@dataclass(frozen=True)
class ClaimView:
    claim: Claim
    name: str
    anchor: str
    text: str
    verdict: str
    words: str
    lines: Lines
    comparisons: list[ComparisonView]
    again: str
    pictures: list[tuple[str, str | None]]  # (title, SVG that can stand on a page; None for what cannot)

    @property
    def surprise(self) -> str:
        """What the verdict alone does not tell."""
        if self.claim["as_expected"]:
            return "expected" if self.verdict == "refuted" else ""
        return "not expected" if self.verdict in ("supported", "refuted") else ""

    @property
    def alarm(self) -> str:
        """What it did since the baseline, where that alarms."""
        drift = self.claim["drift"]
        return drift["word"] if drift and drift["word"] in ALARMED else ""

    @property
    def only(self) -> ComparisonView | None:
        """Its one comparison, which then needs no row of its own."""
        return self.comparisons[0] if len(self.comparisons) == 1 else None

    @property
    def joined(self) -> str:
        """How its comparisons go together, where it has several."""
        top = [each.row for each in self.comparisons if each.row.depth == 0]
        return f"{top[0].claimed}:" if len(top) == 1 else f"{len(top)} comparisons:" if top else ""

    @property
    def leaves(self) -> list[ComparisonView]:
        return self._leaves[:_PARTS]

    @property
    def more(self) -> int:
        return len(self._leaves[_PARTS:])

    @property
    def _leaves(self) -> list[ComparisonView]:
        return [each for each in self.comparisons if not each.row.comparison["parts"]]


def views_of(claims: Sequence[Claim], options: Callable[[Claim], Sequence[str]]) -> list[ClaimView]:
    """`options` are those of a claim's run, on the command line."""
    taken: set[str] = set()
    return [_view(claim, anchor_of(claim_name(claim), taken), options(claim)) for claim in claims]


def _view(claim: Claim, anchor: str, options: Sequence[str]) -> ClaimView:
    return ClaimView(
        claim=claim,
        name=cut(claim_name(claim)),
        anchor=anchor,
        text=cut(claim["text"]),
        verdict=claim["verdict"],
        words=verdict_in_words(claim),
        lines=[*_lines(CLAIM, claim), *_drift(claim)],
        comparisons=[_comparison(row) for row in rows_of(claim)],
        again=shlex.join(["pytest", claim["node"], *options]),
        pictures=[
            (cut(each["title"]), drawing_of(each["svg"], f"{anchor}-picture-{number}"))
            for number, each in enumerate(claim["pictures"], 1)
        ],
    )


def _drift(claim: Claim) -> Lines:
    """What became of it since the baseline."""
    if claim["drift"] is None:
        return []
    said = [each.strip() for each in sentences({"claim": "", **claim["drift"]})]
    return [("since the baseline", list(map(cut, said or [f"{claim['drift']['word']}: {claim['drift']['reason']}"])))]


def _comparison(row: Row) -> ComparisonView:
    found = row.comparison
    scale, (low, high) = scale_of(found), found["ci"]
    return ComparisonView(
        row=row,
        expression=cut(found["relation"] if found["parts"] else found["expression"]),
        verdict=found["verdict"],
        strip=None if scale is None else strip_of(scale, found, low, high, found["estimate"], row.denied),
        looks=[_look(scale, row, *look) for look in found["looks"]],
        ends=None if scale is None else (in_table(scale.left), in_table(scale.target), in_table(scale.right)),
        lines=[] if found["parts"] else _lines(COMPARISON, found, without=_SAID_OF_THE_CLAIM),
    )


def _look(scale: Scale | None, row: Row, n: int, low: float | None, high: float | None) -> Look:
    last = [n, low, high] == row.comparison["looks"][-1]
    estimate = row.comparison["estimate"] if last else None
    drawn = None if scale is None else strip_of(scale, row.comparison, low, high, estimate, row.denied)
    return Look(n, f"[{in_table(low)}, {in_table(high)}]", drawn)


def _lines(fields: Iterable[Field[Any]], found: dict[str, Any], without: Sequence[str] = ()) -> Lines:
    """What a person reads, under each label once."""
    lines: dict[str, list[str]] = {}
    for label, words in lines_of(tuple(fields), found):
        if label not in without:
            lines.setdefault(label, []).append(cut(words))
    return list(lines.items())


def cut(text: str) -> str:
    """A page is to stay a page, whatever a claim quotes."""
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}... ({more:,} characters more in the JSON report)"


def anchor_of(claim: str, taken: set[str]) -> str:
    """The claim's name, as far as a link may hold it: it stays the same in the next report. Sections of the page begin with
    an underscore."""
    name = _ANCHOR.sub("-", claim).strip("-_")[:100] or "claim"
    anchor, number = name, 1
    while anchor in taken:
        number += 1
        anchor = f"{name}-{number}"
    taken.add(anchor)
    return anchor
