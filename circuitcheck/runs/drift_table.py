"""What came of comparing two runs, as people read it: in a terminal, and in Markdown."""

from typing import Protocol

from circuitcheck.report.drifted import HEADS, UNCHANGED, counts_in_words, named_apart, rows_of_drift, sentences, worst_first
from circuitcheck.runs.reading import Record
from circuitcheck.sampling.drift import BROKE, HOLDS, MOVED, SAME

_COLOURS = {SAME: "green", HOLDS: "green", MOVED: "yellow", BROKE: "red"}


class Lines(Protocol):
    """Where a table goes: pytest's terminal reporter, or standard output."""

    def write_line(self, line: str, **markup: bool) -> None: ...


def write_drift(out: Lines, record: Record, *, whole: bool = True) -> None:
    """A line for each question; then why, for all that does not simply hold, and the prompts that changed most. Without
    `whole`, claims that hold are only counted."""
    told = [claim for claim in record["claims"] if whole or claim["word"] not in UNCHANGED]
    rows = [(claim, row) for claim in told for row in rows_of_drift(claim)]
    widths = [max([len(head), *(len(row[i]) for _, row in rows)]) for i, head in enumerate(HEADS)]
    if rows:
        out.write_line(_line(HEADS, widths), bold=True)
    for claim, row in rows:
        out.write_line(_line(row, widths), **{_COLOURS.get(claim["word"], "yellow"): True})
    for claim in record["claims"]:
        for line in sentences(claim):
            out.write_line(line)
    for line in named_apart(record):
        out.write_line(line, yellow=True)
    out.write_line(counts_in_words(record["counts"]))


def as_markdown(record: Record) -> str:
    """For a pull request: what alarms first, then the rest in a table."""
    claims = worst_first(record["claims"])
    rows = [row for claim in claims for row in rows_of_drift(claim)]
    lines = [f"**{counts_in_words(record['counts'])}**", ""]
    lines += [f"| {' | '.join(_escaped(each) for each in row)} |" for row in (HEADS, tuple("---" for _ in HEADS), *rows)]
    said = [*(line for claim in claims for line in sentences(claim)), *named_apart(record)]
    lines += ["", *(f"- {_escaped(line.strip())}" for line in said)] if said else []
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in "|<>*_`[]\\" else " " if each == "\n" else each for each in text)
