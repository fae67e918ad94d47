"""The verdict table at the end of a run."""

from collections.abc import Mapping
from typing import Any, Protocol

from circuitcheck.report.cells import Row, rows_of, verdict_cell
from circuitcheck.report.remarks import advice, counts, few_prompts, notes, searches
from circuitcheck.report.repeats import Claim, claim_name
from circuitcheck.report.reuse import reuse_line
from circuitcheck.report.turns import turns_in_words

_HEADS = ("claim", "verdict", "estimate", "interval", "claimed", "prompts", "seconds")
_RIGHT = ("estimate", "prompts", "seconds")
_COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow", "error": "red", "skipped": "yellow"}


class Lines(Protocol):
    """Where a table goes: pytest's terminal reporter, or standard output."""

    def section(self, title: str) -> None: ...
    def write_line(self, line: str, **markup: bool) -> None: ...


def write_table(
    reporter: Lines, report: dict[str, Any], seconds: Mapping[str, float] | None = None, budget: float | None = None
) -> None:
    """One line for each comparison of a report; then what needs words, the counts, advice on all claims, and the time by
    file."""
    claims, seconds = report["claims"], seconds or {}
    rows = [(claim, row) for claim in claims for row in _rows(claim)]
    widths = [max([len(head), *(len(row[i]) for _, row in rows)]) for i, head in enumerate(_HEADS)]
    reporter.section("circuit hypotheses")
    reporter.write_line(_line(_HEADS, widths), bold=True)
    for claim, row in rows:
        reporter.write_line(_line(row, widths), **_markup(claim))
    for line in [*notes(claims), *few_prompts(claims)]:
        reporter.write_line(line, yellow=True)
    reporter.write_line(counts(report))
    if (reused := reuse_line(report["claims"])) is not None:
        reporter.write_line(reused)
    for line in turns_in_words(report["turns"]):
        reporter.write_line(line, bold=True)
    for line in searches(report):
        reporter.write_line(line, yellow=True)
    for line in advice(report["correction"]):
        reporter.write_line(line)
    for name, taken in seconds.items():
        reporter.write_line(f"time: {name} {taken:.1f} s")
    if budget is not None:
        reporter.write_line(f"time: {sum(seconds.values()):.1f} s of a budget of {budget:g} s")


def _rows(claim: Claim) -> list[tuple[str, ...]]:
    name, verdict, seconds = claim_name(claim), verdict_cell(claim), f"{claim['seconds']:.1f}"
    rows = rows_of(claim)
    if len(rows) == 1:
        return [(name, verdict, *_cells(rows[0]), seconds)]
    below = [("", f"{'  ' * row.depth}- {row.comparison['verdict']}", *_cells(row), "") for row in rows]
    return [(name, verdict, "", "", "", "", seconds), *below]


def _cells(row: Row) -> tuple[str, ...]:
    return row.estimate, row.interval, row.claimed, str(row.comparison["n"])


def _markup(claim: Claim) -> dict[str, bool]:
    colour = "green" if claim["as_expected"] else _COLOURS[claim["verdict"]] if claim["verdict"] != "supported" else "red"
    return {colour: True}


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = [
        cell.rjust(width) if head in _RIGHT else cell.ljust(width)
        for head, cell, width in zip(_HEADS, cells, widths, strict=True)
    ]
    return "  ".join(aligned).rstrip()
