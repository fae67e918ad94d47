"""All questions of a run together: which claims ask the same, and how many questions are of one search."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Claim = dict[str, Any]
_ASKED = ("question", "seed", "relation", "threshold", "margin")


def claim_name(claim: Claim) -> str:
    return str(claim["id"]) if claim["param"] is None else f"{claim['id']}[{claim['param']}]"


def marked_repeats(claims: Sequence[Claim]) -> list[Claim]:
    """The claims, each that asks what an earlier one asked with its name in `same_as`: together they are evidence once."""
    first: dict[object, str] = {}
    marked = []
    for claim in claims:
        asked = tuple(_asked(each) for each in leaves(claim["comparisons"]))
        name = claim_name(claim)
        same_as = first.setdefault(asked, name) if asked else name
        marked.append(claim if same_as == name else {**claim, "same_as": same_as})
    return marked


def shapes(claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """Questions that differ only in their units and thresholds, where there are two or more, the most first. Of those
    that are decided, each is wrong with a probability of half its error at most."""
    found: dict[str, dict[object, tuple[bool, float]]] = defaultdict(dict)
    for claim in claims:
        for each in leaves(claim["comparisons"]):
            found[each["shape"]][_asked(each)] = each["verdict"] != "inconclusive", (1 - each["confidence"]) / 2
    counted = [
        {
            "shape": shape,
            "questions": len(questions),
            "decided": sum(decided for decided, _ in questions.values()),
            "expected_wrong": round(sum(error for _, error in questions.values()), 6),
        }
        for shape, questions in found.items()
        if shape and len(questions) > 1
    ]
    return sorted(counted, key=lambda each: -each["questions"])


def _asked(comparison: dict[str, Any]) -> tuple[object, ...]:
    """What is asked; of all prompts, also which share may violate it, and how many are searched."""
    rule = (comparison["rests_on"] or {}).get("rule") or {}
    return (*(comparison[name] for name in _ASKED), rule.get("rate"), rule.get("prompts"))


def leaves(comparisons: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in comparisons:
        if each["parts"]:
            yield from leaves(each["parts"])
        else:
            yield each
