"""What came of comparing two runs, as people read it: in a terminal, and in Markdown."""

from collections.abc import Iterator
from typing import Any, Protocol

from circuitcheck.runs.reading import Record
from circuitcheck.sampling.drift import BROKE, HOLDS, MOVED, SAME

_HEADS = ("claim", "word", "before", "now", "change", "margin", "prompts", "verdicts")
_COLOURS = {SAME: "green", HOLDS: "green", MOVED: "yellow", BROKE: "red"}
_ALARMED = (MOVED, BROKE)
_TEXT = 70  # letters of a prompt
_NAMED = 8


class Lines(Protocol):
    """Where a table goes: pytest's terminal reporter, or standard output."""

    def write_line(self, line: str, **markup: bool) -> None: ...


def write_drift(out: Lines, record: Record) -> None:
    """A line for each question; then why, for all that does not simply hold, and the prompts that changed most."""
    rows = [(claim, row) for claim in record["claims"] for row in _rows(claim)]
    widths = [max([len(head), *(len(row[i]) for _, row in rows)]) for i, head in enumerate(_HEADS)]
    out.write_line(_line(_HEADS, widths), bold=True)
    for claim, row in rows:
        out.write_line(_line(row, widths), **{_COLOURS.get(claim["word"], "yellow"): True})
    for claim in record["claims"]:
        for line in _said(claim):
            out.write_line(line)
    for line in _loose(record):
        out.write_line(line, yellow=True)
    out.write_line(counts_in_words(record["counts"]))


def as_markdown(record: Record) -> str:
    """For a pull request: what alarms first, then the rest in a table."""
    order = {word: place for place, word in enumerate((BROKE, MOVED))}
    claims = sorted(record["claims"], key=lambda claim: order.get(claim["word"], 2))
    rows = [row for claim in claims for row in _rows(claim)]
    lines = [f"**{counts_in_words(record['counts'])}**", ""]
    lines += [f"| {' | '.join(_escaped(each) for each in row)} |" for row in (_HEADS, tuple("---" for _ in _HEADS), *rows)]
    said = [line for claim in claims for line in _said(claim)]
    lines += ["", *(f"- {_escaped(line.strip())}" for line in [*said, *_loose(record)])] if said or [*_loose(record)] else []
    return "\n".join(lines) + "\n"


def counts_in_words(counts: Record) -> str:
    names = ("broke", "moved", "not_comparable", "cannot_tell", "holds", "same")
    parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in names if counts[name]]
    loose = [f"{counts['orphans']} only before"] if counts["orphans"] else []
    loose += [f"{counts['new']} only now"] if counts["new"] else []
    many = "1 claim" if counts["claims"] == 1 else f"{counts['claims']} claims"
    return f"{many} in both runs: {', '.join(parts) or 'none'}{'; ' if loose else ''}{', '.join(loose)}"


def _rows(claim: Record) -> Iterator[tuple[str, ...]]:
    verdicts = claim["verdict_before"]
    if claim["verdict_now"] != verdicts:
        verdicts += f" to {claim['verdict_now']}"
    questions = claim["questions"]
    if len(questions) == 1 and not questions[0]["parts"]:
        yield claim["claim"], claim["word"], *_cells(questions[0]), verdicts
        return
    yield claim["claim"], claim["word"], "", "", "", "", "", verdicts
    for each in questions:
        yield from _nested(each, "- ")


def _nested(question: Record, indent: str) -> Iterator[tuple[str, ...]]:
    verdicts = question["verdict_before"]
    if question["verdict_now"] != verdicts:
        verdicts += f" to {question['verdict_now']}"
    yield "", indent + question["word"], *_cells(question), verdicts
    for part in question["parts"]:
        yield from _nested(part, "  " + indent)


def _cells(question: Record) -> tuple[str, ...]:
    if question["before"] is None:
        return "", "", "", "", ""
    low, high = question["change"]
    change = f"{_number(question['now'] - question['before'], '+')} [{_number(low, '+')}, {_number(high, '+')}]"
    return _number(question["before"]), _number(question["now"]), change, _number(question["margin"]), str(question["n"])


def _said(claim: Record) -> Iterator[str]:
    for change in claim["changes"]:
        yield f"{claim['claim']}: {change}"
    if claim["word"] not in (SAME, HOLDS):
        yield f"{claim['claim']}: {claim['word']}: {claim['reason']}"
        for each in _leaves(claim["questions"]):
            yield from _of_a_question(each, alone=len(claim["questions"]) == 1 and not claim["questions"][0]["parts"])


def _of_a_question(question: Record, *, alone: bool) -> Iterator[str]:
    if question["word"] in (SAME, HOLDS):
        return
    if not alone:
        yield f"  {question['expression']}: {question['word']}: {question['reason']}"
    if question["would_hold_with"] is not None:
        more = "" if question["prompts_more"] is None else f"; about {question['prompts_more']} prompts more would tell"
        needed, margin = question["would_hold_with"], question["margin"]
        yield f"  it would hold with a margin of {needed:.3g} in place of {margin:.3g}{more}"
    if question["word"] in _ALARMED:
        for each in question["prompts"]:
            yield f"  {_number(each['before'])} to {_number(each['now'])}  #{each['index']} {each['text'][-_TEXT:]}"


def _leaves(questions: Any) -> Iterator[Record]:
    for each in questions:
        yield from _leaves(each["parts"]) if each["parts"] else [each]


def _loose(record: Record) -> Iterator[str]:
    if record["orphans"]:
        yield f"only in the earlier run: {_listed(record['orphans'])}"
    if record["new"]:
        yield f"only in the later run: {_listed(record['new'])}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + ("" if len(names) <= _NAMED else f" and {len(names) - _NAMED} more")


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{round(value, 3) + 0.0:{sign}.3f}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in "|<>*_`[]\\" else " " if each == "\n" else each for each in text)
