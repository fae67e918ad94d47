"""Markdown for a pull request: what a reader must see first, and no more than GitHub takes."""

import re
from collections.abc import Iterable
from typing import Any

from circuitcheck.report.cells import Row, leaf_rows, verdict_cell
from circuitcheck.report.drifted import HEADS, rows_of_drift, sentences, since_baseline
from circuitcheck.report.remarks import advice, counts, few_prompts, importance, searches, wrong_with_run
from circuitcheck.report.repeats import Claim, claim_name
from circuitcheck.report.turns import turns_in_words
from circuitcheck.text import in_reading_order

LARGEST = 60_000  # bytes: a comment holds 65,536 characters, a step's summary 1 MiB
MARK = "<!-- circuitcheck -->"  # by which a workflow finds the comment that it made before
_LONGEST = 300  # characters of one text
_HEADS = ("claim", "verdict", "estimate", "interval", "claimed", "prompts")
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#!|~&$:])")
_MENTION = re.compile(r"([@#])(?=\w)")
_BARS = re.compile(r"\\*\|")
_AT_START = re.compile(r"^(\d*)([-+=.)])")  # what makes a list or a heading of a line
_INVISIBLE = "\u200b"  # between a sign and its word: GitHub then links neither users nor issues


def as_markdown(report: dict[str, Any], largest: int = LARGEST) -> str:
    """At most `largest` bytes: claims that came out as expected are left out first, and counted."""
    page = _Page(largest)
    summary = report["summary"]
    page.add(MARK, f"## circuitcheck: {summary['as_expected']} of {summary['claims']} claims as expected", "")
    page.add(escaped(counts(report)), "")
    page.add_list(wrong_with_run(report))
    claims = sorted(report["claims"], key=importance)
    surprising = [claim for claim in claims if not claim["as_expected"]]
    page.add_table(f"Not as expected ({len(surprising)})", surprising, folded=False)
    _add_drift(page, report)
    page.add_list([*turns_in_words(report["turns"]), *few_prompts(claims), *searches(report), *advice(report["correction"])])
    expected = claims[len(surprising) :]
    page.add_table(f"As expected ({len(expected)})", expected, folded=True)
    return page.text()


def _add_drift(page: "_Page", report: dict[str, Any]) -> None:
    """What a baseline says, with a row for each question that does not simply hold, and why."""
    since = since_baseline(report)
    if since is None:
        return
    page.add(f"### Since the baseline: {escaped(since.counts)}", "")
    rows = [
        _row([code(name) if name else "", *map(escaped, cells)])
        for each in since.changed
        for name, *cells in rows_of_drift(each)
    ]
    page.add_rows(HEADS, rows)
    page.add_list([*(line.strip() for each in since.changed for line in sentences(each)), *since.said])


class _Page:
    """Lines, as many as there is room for; what follows a line for which there was none is counted."""

    def __init__(self, largest: int) -> None:
        self._lines: list[str] = []
        self._room = largest - 300  # for what is said of what was left out
        self._left_out = {"claims": 0, "remarks": 0}

    def add(self, *lines: str) -> bool:
        """All of them or none."""
        size = sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines)
        if size > self._room:
            return False
        self._room -= size
        self._lines += lines
        return True

    def add_list(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self._left_out["remarks"] += not self.add(f"- {escaped(sentence)}")
        self.add("")

    def add_rows(self, heads: Iterable[str], rows: list[str]) -> None:
        if not rows or not self.add(_row(heads), _row("---" for _ in heads)):
            self._left_out["remarks"] += len(rows)
            return
        for row in rows:
            self._left_out["remarks"] += not self.add(row)
        self.add("")

    def add_table(self, title: str, claims: list[Claim], *, folded: bool) -> None:
        if not claims:
            return
        above = ("<details>", f"<summary>{title}</summary>") if folded else (f"### {title}",)
        full = not self.add(*above, "", _row(_HEADS), _row("---" for _ in _HEADS))
        below = () if full else ("</details>", "") if folded else ("",)
        for claim in claims:
            full = full or not self.add(*(_short(claim) if folded else _long(claim)))
            self._left_out["claims"] += full
        self._lines += ["", *below]

    def text(self) -> str:
        left = [f"{count} {what}" for what, count in self._left_out.items() if count]
        said = (
            [f"Left out for want of room: {' and '.join(left)}. The JSON and HTML reports hold everything."] if left else []
        )
        return "\n".join([*self._lines, *said]).rstrip("\n") + "\n"


def _short(claim: Claim) -> list[str]:
    return [_row([code(claim_name(claim)), verdict_cell(claim), *_numbers(claim)])]


def _long(claim: Claim) -> list[str]:
    """With its sentence, what is wrong, and a row for each of several comparisons."""
    words = [code(claim_name(claim)), *(escaped(claim[name]) for name in ("text", "reason") if claim[name])]
    first = _row(["<br>".join(words), f"**{verdict_cell(claim)}**", *_numbers(claim)])
    rows = leaf_rows(claim)
    below = [[code(row.comparison["expression"]), row.comparison["verdict"], *_cells(row)] for row in rows]
    return [first, *(map(_row, below) if len(rows) > 1 else ())]


def _numbers(claim: Claim) -> list[str]:
    rows = leaf_rows(claim)
    return _cells(rows[0]) if len(rows) == 1 else ["", "", f"{len(rows)} comparisons" if rows else "", str(claim["prompts"])]


def _cells(row: Row) -> list[str]:
    return [row.estimate, row.interval, escaped(row.claimed), str(row.comparison["n"])]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """As code within a table: nothing in it means anything but a bar, which a table takes first."""
    text = _BARS.sub(r"\|", _brief(text))
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    return f"{'`' * (longest + 1)}{' ' if longest else ''}{text}{' ' if longest else ''}{'`' * (longest + 1)}"


def escaped(text: str) -> str:
    """As text: no links, pictures, HTML or mentions."""
    text = _MENTION.sub(rf"\1{_INVISIBLE}", _brief(text)).replace("www.", f"www{_INVISIBLE}.")
    return _AT_START.sub(r"\1\\\2", _ACTIVE.sub(r"\\\1", text))


def _brief(text: str) -> str:
    line = " ".join(in_reading_order(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
