"""`circuitcheck recheck`: every interval and verdict of a report once more, from the numbers that it holds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from circuitcheck.errors import CircuitCheckError
from circuitcheck.fields import Field, builtins_of
from circuitcheck.grounds.read import Measured
from circuitcheck.grounds.rests import Rests, Versus
from circuitcheck.quantities.questions.result_fields import FIELDS
from circuitcheck.report.log import summary_of
from circuitcheck.report.repeats import shapes
from circuitcheck.report.seal import claim_digest, report_digest
from circuitcheck.report.turns import first_turns
from circuitcheck.runs.deciding import decide_again, tally_again
from circuitcheck.runs.reading import Record, claim_key, leaves_of
from circuitcheck.sampling import Decision, Search

AGREES, DIFFERS, UNCHECKED = "agrees", "differs", "not checked"
_MADE_AGAIN = (
    "verdict estimate ci confidence n method method_in_words looks planned_looks census noise_floor reason n_more notes"
).split()
_CLOSE = 1e-6  # of two numbers: other machines round otherwise


@dataclass(frozen=True)
class Checked:
    """One claim: `word` is that it agrees, differs, or could not be checked; `why` it differs, or could not."""

    key: str
    word: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Decided:
    decision: Decision


def recheck(report: Record) -> tuple[list[Checked], list[str]]:
    """Each claim, and what is wrong with the report as a whole."""
    return [_checked(claim) for claim in report["claims"]], list(_of_the_whole(report))


def _of_the_whole(report: Record) -> Iterator[str]:
    if report["digest"] != report_digest(dict(report)):
        yield (
            "the report is not as it was written: a claim was dropped, added, moved or sealed again, or what stands beside "
            "the claims was edited"
        )
    claims = [dict(each) for each in report["claims"]]
    if report["summary"] != summary_of(claims):
        yield "its summary does not count these claims"
    if report["shapes"] != shapes(claims):
        yield "its shapes are not those of these claims"
    if report["turns"] != first_turns(claims):
        yield "where it says that verdicts change from model to model is not where those of these claims do"


def _checked(claim: Record) -> Checked:
    why = []
    if claim["digest"] != claim_digest(dict(claim)):
        why.append("it is not as it was written: its content has another digest")
    try:
        measured = Measured(claim["measured"])
        for number, comparison in enumerate(claim["comparisons"], 1):
            where = f"comparison {number}: " if len(claim["comparisons"]) > 1 else ""
            why += [where + each for each in _differences(comparison, measured)]
    except (CircuitCheckError, ArithmeticError, ValueError) as error:
        why.append(f"it cannot be decided again: {error}")
    why += _of_the_claim(claim)
    if why:
        return Checked(claim_key(claim), DIFFERS, tuple(why))
    if not claim["comparisons"]:
        return Checked(claim_key(claim), UNCHECKED, (f"{claim['verdict']}: it compared nothing",))
    return Checked(claim_key(claim), AGREES, tuple(_left_out(claim)))


def _of_the_claim(claim: Record) -> Iterator[str]:
    verdicts = [each["verdict"] for each in claim["comparisons"]]
    if claim["verdict"] == "supported" and "inconclusive" in verdicts:
        yield "it is said to be supported, and something in it is inconclusive"
    if claim["verdict"] == "inconclusive" and "inconclusive" not in verdicts:
        yield "it is said to be inconclusive, and nothing in it is"
    if len(verdicts) == 1 and {claim["verdict"], *verdicts} == {"supported", "refuted"} and not claim["warnings"]:
        yield f"it is said to be {claim['verdict']}, and its one comparison is {verdicts[0]}"
    if claim["as_expected"] != (claim["verdict"] == claim["expected"]):
        yield "whether it came out as expected is said wrongly"
    if claim["prompts"] != max((each["n"] for each in claim["comparisons"]), default=0):
        yield "its number of prompts is none of its comparisons"


def _differences(comparison: Record, measured: Measured) -> Iterator[str]:
    if comparison["parts"]:
        for number, part in enumerate(comparison["parts"], 1):
            yield from (f"part {number}: {each}" for each in _differences(part, measured))
        yield from _of_parts(comparison)
        return
    if comparison["rests_on"] is None:
        yield "what it rests on is not there"
        return
    rests = measured.rests(comparison["rests_on"])
    yield from _of_its_prompts(comparison, rests)
    decision = decide_again(rests, comparison)
    if decision is None:
        yield from _of_a_tally(comparison, rests)
        return
    fields: list[Field[Any]] = [each for each in FIELDS if each.name in _MADE_AGAIN]
    again = builtins_of(fields, _Decided(decision))
    for name in _MADE_AGAIN:
        if not _alike(comparison[name], again[name]):
            yield f"its {name} is {_short(comparison[name])}, and comes to {_short(again[name])}"
    yield from _of_its_warnings(comparison, decision)


def _of_its_warnings(comparison: Record, decision: Decision) -> Iterator[str]:
    for each in decision.warnings:
        if each not in comparison["warnings"]:
            yield f"it leaves a warning out: {each}"
    unseen, found = comparison["unseen"], decision.unseen
    if (unseen is None) != (found is None):
        yield "what it says of prompts that nobody has seen is another thing"
    elif found is not None:
        again = (found.share, found.low, found.high, found.beyond)
        if not _alike([unseen[name] for name in ("share", "low", "high", "overturned_beyond")], list(again)):
            yield "what it says of prompts that nobody has seen comes to other numbers"


def _of_its_prompts(comparison: Record, rests: Rests) -> Iterator[str]:
    prompts = rests.prompts
    said = [comparison[name] for name in ("task", "stream", "seed")]
    if not rests.replayed and said != [prompts.task, prompts.stream, prompts.seed]:
        yield f"its prompts are of {prompts.task}, {prompts.stream} stream, seed {prompts.seed}"
    if comparison["n"] > rests.values.shape[1]:
        yield f"it says {comparison['n']} prompts, and there are numbers of {rests.values.shape[1]}"
    if not isinstance(rests.rule, Search) and (comparison["scope"] == "new_templates") != bool(
        rests.basis.grouping.clusters
    ):
        yield "its scope is not what it was judged by"
    for each in comparison["contrary"]:
        index = each["index"]
        if index is not None and index < len(prompts.texts) and not each["text"].endswith(prompts.texts[index]):
            yield f"prompt #{index} reads otherwise among those that speak against it"


def _of_a_tally(comparison: Record, rests: Rests) -> Iterator[str]:
    """Of more sets than are kept: their counts are taken as they are."""
    rule = rests.rule
    assert isinstance(rule, Versus)
    again = tally_again(rule, comparison["control"])
    if again != comparison["verdict"]:
        yield f"its verdict is {comparison['verdict']}, and its counts come to {again}"


def _of_parts(comparison: Record) -> Iterator[str]:
    verdicts = [part["verdict"] for part in comparison["parts"]]
    one, each = ("refuted", "supported") if comparison["relation"] == "all of" else ("supported", "refuted")
    again = one if one in verdicts else each if set(verdicts) == {each} else "inconclusive"
    if again != comparison["verdict"]:
        yield f"its verdict is {comparison['verdict']}, and its parts come to {again}"
    split = 1 - (1 - comparison["confidence"]) / len(verdicts)
    if any(part["verdict"] == one and part["confidence"] < split - _CLOSE for part in comparison["parts"]):
        yield f"a part that alone settles it is not judged at the {100 * split:.4g}% that this takes"


def _left_out(claim: Record) -> Iterator[str]:
    """What was taken as it is."""
    rules = [each["rests_on"]["rule"] for each in leaves_of(claim) if each["rests_on"]]
    if any(rule["kind"] == "beats" and rule["values"] is None for rule in rules):
        yield "the numbers of the other sets are too many to be kept: its counts were taken as they are"


def _alike(said: Any, again: Any) -> bool:
    if isinstance(said, list) and isinstance(again, list):
        return len(said) == len(again) and all(map(_alike, said, again))
    if isinstance(said, float | int) and isinstance(again, float | int) and not isinstance(said, bool):
        return math.isclose(said, again, rel_tol=_CLOSE, abs_tol=_CLOSE**2)
    return bool(said == again)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:80]
