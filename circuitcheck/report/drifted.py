"""What came of comparing claims with an earlier run, as rows of a table and as sentences. Each record is the `drift` of a
claim, with its name as `claim`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from circuitcheck.report.repeats import claim_name
from circuitcheck.sampling.drift import BROKE, HOLDS, MOVED, SAME
from circuitcheck.text import in_table

Record = dict[str, Any]
HEADS = ("claim", "word", "before", "now", "change", "margin", "prompts", "verdicts")
UNCHANGED = (SAME, HOLDS)
ALARMED = (MOVED, BROKE)
_TEXT = 70  # letters of a prompt
_NAMED = 8


@dataclass(frozen=True)
class SinceBaseline:
    """What a report says of all its claims and a baseline together. `changed` are the records of those that do not simply
    hold, what alarms first; `said` is what goes with no claim of this run."""

    counts: str
    changed: list[Record]
    said: list[str]


def since_baseline(report: Mapping[str, Any]) -> SinceBaseline | None:
    """None where nothing was compared."""
    baseline = report.get("baseline")
    if baseline is None:
        return None
    records = [{"claim": claim_name(claim), **claim["drift"]} for claim in report["claims"] if claim["drift"]]
    words = Counter(record["word"].replace(" ", "_") for record in records)
    loose = {"orphans": len(baseline["orphans"]), "new": len(baseline["new"])}
    changed = [each for each in worst_first(records) if each["word"] not in UNCHANGED or each["changes"]]
    said = [*named_apart(baseline)]
    if baseline["not_run"]:
        said.append(f"{len(baseline['not_run'])} claims of the baseline were not run")
    said += [f"failed: {each} (--circuit-compare-fail)" for each in baseline["failed"]]
    return SinceBaseline(counts_in_words({**words, **loose, "claims": len(records)}), changed, said)


def named_apart(record: Mapping[str, Any]) -> Iterator[str]:
    """The claims that one of the two runs has."""
    if record["orphans"]:
        yield f"only in the earlier run: {_listed(record['orphans'])}"
    if record["new"]:
        yield f"only in the later run: {_listed(record['new'])}"


def worst_first(records: Iterable[Record]) -> list[Record]:
    order = {word: place for place, word in enumerate((BROKE, MOVED))}
    return sorted(records, key=lambda claim: (order.get(claim["word"], 2), claim["word"] in UNCHANGED))


def counts_in_words(counts: Mapping[str, int]) -> str:
    names = ("broke", "moved", "not_comparable", "cannot_tell", "holds", "same")
    parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in names if counts.get(name, 0)]
    loose = [f"{counts['orphans']} only before"] if counts.get("orphans") else []
    loose += [f"{counts['new']} only now"] if counts.get("new") else []
    many = "1 claim" if counts["claims"] == 1 else f"{counts['claims']} claims"
    return f"{many} in both runs: {', '.join(parts) or 'none'}{'; ' if loose else ''}{', '.join(loose)}"


def rows_of_drift(claim: Record) -> Iterator[tuple[str, ...]]:
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
    """Of questions whose numbers were not compared there is neither change nor margin."""
    before, now = ("" if question[when] is None else in_table(question[when]) for when in ("before", "now"))
    if not question["n"]:
        return before, now, "", "", ""
    low, high = question["change"]
    change = f"{in_table(question['now'] - question['before'], '+')} [{in_table(low, '+')}, {in_table(high, '+')}]"
    return before, now, change, in_table(question["margin"]), str(question["n"])


def sentences(claim: Record) -> Iterator[str]:
    """Of a record without a name, without it."""
    name = f"{claim['claim']}: " if claim["claim"] else ""
    for change in claim["changes"]:
        yield name + change
    if claim["word"] not in UNCHANGED:
        yield f"{name}{claim['word']}: {claim['reason']}"
        for each in _leaves(claim["questions"]):
            yield from _of_a_question(each, alone=len(claim["questions"]) == 1 and not claim["questions"][0]["parts"])


def _of_a_question(question: Record, *, alone: bool) -> Iterator[str]:
    if question["word"] in UNCHANGED:
        return
    if not alone:
        yield f"  {question['expression']}: {question['word']}: {question['reason']}"
    if question["would_hold_with"] is not None:
        more = "" if question["prompts_more"] is None else f"; about {question['prompts_more']} prompts more would tell"
        needed, margin = question["would_hold_with"], question["margin"]
        yield f"  it would hold with a margin of {needed:.3g} in place of {margin:.3g}{more}"
    if question["word"] in ALARMED:
        for each in question["prompts"]:
            text = each["text"] if len(each["text"]) <= _TEXT else f"...{each['text'][-_TEXT:]}"
            yield f"  {in_table(each['before'])} to {in_table(each['now'])}  #{each['index']} {text}"


def _leaves(questions: Any) -> Iterator[Record]:
    for each in questions:
        yield from _leaves(each["parts"]) if each["parts"] else [each]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + ("" if len(names) <= _NAMED else f" and {len(names) - _NAMED} more")
