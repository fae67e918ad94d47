"""One claim over several models: where its verdict first becomes another, in the order in which they were named."""

from collections.abc import Iterator, Sequence
from typing import Any

from circuitcheck.report.repeats import Claim

_DECIDED = ("supported", "refuted")


def of_several_models(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """By claim, its results on each of its models, in their order. Models of which no result is there are left out."""
    found: dict[str, dict[str, Claim]] = {}
    for claim in claims:
        if claim["param"] is not None:
            found.setdefault(claim["id"], {})[claim["param"]] = claim
    return {name: _ordered(results) for name, results in found.items() if len(results) > 1}


def first_turns(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """For each claim that was supported on one model and refuted on a later one, or the other way round, the first time that
    it was. A model on which it was not decided, or not run, changes nothing: `undecided` names those in between."""
    return [turn for name, results in of_several_models(claims).items() for turn in _first_turn(name, results)]


def turns_in_words(turns: Sequence[dict[str, Any]]) -> list[str]:
    """`ioi.mover: supported from step4000 on; refuted on step512`: of revisions of one model, these alone."""
    return list(map(_in_words, turns))


def _in_words(turn: dict[str, Any]) -> str:
    model, before, *undecided = _short([turn["model"], turn["model_before"], *turn["undecided"]])
    since = f"from {model} on" if turn["stays"] else f"on {model}, but not on all later ones"
    between = f"; not decided on {', '.join(undecided)}" if undecided else ""
    return f"{turn['claim']}: {turn['now']} {since}; {turn['before']} on {before}{between}"


def _short(specs: list[str]) -> list[str]:
    parts = [spec.partition("@") for spec in specs]
    one = len({source for source, _, _ in parts}) == 1 and all(revision for _, _, revision in parts)
    return [revision for _, _, revision in parts] if one else specs


def _first_turn(name: str, results: Sequence[Claim]) -> Iterator[dict[str, Any]]:
    before: Claim | None = None
    for place, claim in enumerate(results):
        if claim["verdict"] not in _DECIDED:
            continue
        if before is not None and before["verdict"] != claim["verdict"]:
            later = [each for each in results[place + 1 :] if each["verdict"] in _DECIDED]
            since = results[results.index(before) + 1 : place]
            yield {
                "claim": name,
                "model": claim["param"],
                "now": claim["verdict"],
                "model_before": before["param"],
                "before": before["verdict"],
                "undecided": [each["param"] for each in since],
                "stays": all(each["verdict"] == claim["verdict"] for each in later),
            }
            return
        before = claim


def _ordered(results: dict[str, Claim]) -> list[Claim]:
    """A run may have gone through them in another order, and a model may be in one of several reports alone."""
    named = list(dict.fromkeys(model for claim in results.values() for model in claim["models"]))
    return [results[model] for model in [*named, *(each for each in results if each not in named)] if model in results]
