"""One question before and now: may the two be compared, and on what?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from circuitcheck.grounds.pairing import other_prompts, paired_prompts
from circuitcheck.grounds.read import Measured
from circuitcheck.grounds.rests import Rests, Since, Values, Versus
from circuitcheck.runs.reading import Record
from circuitcheck.sampling import Basis, Drift, Pair, Search, linearised, region_of, searched, within_noise
from circuitcheck.sampling.drift import APART, BROKE, HOLDS, SAME, UNSURE

_SHOWN = 3
_DECIDED = ("supported", "refuted")


@dataclass(frozen=True)
class ChangedPrompt:
    """One of those whose numbers changed most. A ratio has none on one prompt: there they are linearised."""

    index: int
    text: str
    before: float
    now: float


@dataclass(frozen=True, eq=False)
class Question:
    """One comparison in both runs. `pair` is what is left to be decided together with those of all claims; without one,
    `drift` says the word already. `parts` are those of a composite."""

    expression: str
    verdicts: tuple[str, str]
    drift: Drift
    pair: Pair | None = None
    prompts: tuple[ChangedPrompt, ...] = ()
    parts: tuple["Question", ...] = ()
    relation: str = ""

    def with_drifts(self, found: Iterator[Drift]) -> "Question":
        """With what was decided of the pairs, in their order."""
        if self.parts:
            parts = tuple(part.with_drifts(found) for part in self.parts)
            return replace(self, parts=parts, drift=joined(self.relation, self.verdicts, list(parts)))
        if self.pair is None:
            return self
        drift = next(found)
        return replace(self, drift=replace(drift, reason=f"{self.drift.reason}{drift.reason}"))

    @property
    def pairs(self) -> Iterator[Pair]:
        if self.pair is not None:
            yield self.pair
        for part in self.parts:
            yield from part.pairs


def question_of(old: Record, new: Record, before: Measured, now: Measured, margin: float | None) -> Question:
    """Raises BadRecord for what cannot be read."""
    if old["parts"] or new["parts"]:
        return _composite(old, new, before, now, margin)
    if old["rests_on"] is None or new["rests_on"] is None:
        return _told(old, new, APART, "its numbers are not stored")
    was, rests = before.rests(old["rests_on"]), now.rests(new["rests_on"])
    apart = why_apart(old, new, was, rests)
    if apart:
        return _told(old, new, APART, apart)
    if [each.digest for each in was.cells] == [each.digest for each in rests.cells]:
        return _on_the_same_weights(old, new, was, rests, margin)
    return _of_rule(old, new, was, rests, margin)


def why_apart(old: Record, new: Record, was: Rests, rests: Rests) -> str:
    """Why the two do not measure one thing on the same prompts; empty where they do."""
    if was.asked != rests.asked:
        return f"the expression changed: {old['expression']} before, {new['expression']} now"
    if [old[name] for name in ("relation", "threshold", "margin")] != [
        new[name] for name in ("relation", "threshold", "margin")
    ]:
        return f"the threshold changed: {_claimed(old)} before, {_claimed(new)} now"
    if type(was.rule) is not type(rests.rule) or was.basis.form != rests.basis.form:
        return "it is judged by another method"
    if _scope(was) != _scope(rests):
        return f"its scope changed: {_scope(was)} before, {_scope(rests)} now"
    return _other_prompts(was, rests) or _other_sets(old, new, was, rests)


def joined(relation: str, verdicts: tuple[str, str], parts: list[Question]) -> Drift:
    """The word of a composite. Where each part must be as it was, the worst of theirs; where one is enough, the best of
    those that carried the earlier verdict."""
    every = (relation, verdicts[0]) in (("all of", "supported"), ("any of", "refuted")) or verdicts[0] == "inconclusive"
    carrying = [part for part in parts if every or part.verdicts[0] == verdicts[0]]
    ranks = [RANK.index(part.drift.word) for part in carrying] or [RANK.index(UNSURE)]
    word = RANK[min(ranks) if every else max(ranks)]
    if word == BROKE and not every and verdicts[1] == verdicts[0]:
        return Drift("moved", "what carried it broke, and another part carries it now")
    turned = set(verdicts) == set(_DECIDED)
    if turned and word not in (BROKE, APART):
        return Drift(UNSURE, f"it was {verdicts[0]} and is {verdicts[1]}, and the paired change of no part shows that")
    return Drift(word, "the worst of its parts" if every else "the best of the parts that it rests on")


RANK = (BROKE, "moved", APART, UNSURE, HOLDS, SAME)


def _composite(old: Record, new: Record, before: Measured, now: Measured, margin: float | None) -> Question:
    verdicts = old["verdict"], new["verdict"]
    if old["relation"] != new["relation"] or len(old["parts"]) != len(new["parts"]):
        return _told(old, new, APART, "it is made of other parts")
    parts = tuple(
        question_of(one, other, before, now, margin) for one, other in zip(old["parts"], new["parts"], strict=True)
    )
    return Question(new["expression"], verdicts, Drift(UNSURE, ""), parts=parts, relation=new["relation"])


def _on_the_same_weights(old: Record, new: Record, was: Rests, rests: Rests, margin: float | None) -> Question:
    n = min(was.values.shape[1], rests.values.shape[1])
    if _within_noise(was.first(n), rests.first(n), was, rests, same_weights=True):
        if old["verdict"] == new["verdict"]:
            return _told(old, new, SAME, "the same weights, prompts and numbers")
        return _told(old, new, SAME, "the same weights, prompts and numbers: only the settings of the verdict differ")
    found = _of_rule(old, new, was, rests, margin)
    worst = float(np.nanmax(np.abs(was.first(n) - rests.first(n))))
    said = f"the weights are the same, and numbers differ by up to {worst:.2g}: the engine or the machine is another; "
    return replace(found, drift=replace(found.drift, reason=said + found.drift.reason))


def _of_rule(old: Record, new: Record, was: Rests, rests: Rests, margin: float | None) -> Question:
    verdicts = old["verdict"], new["verdict"]
    if isinstance(rests.rule, Search):
        return _told(old, new, *_universal(old, new, was, rests))
    if isinstance(rests.rule, Versus | Since):
        return _told(old, new, *_against_others(verdicts))
    n, rule = paired_prompts(was, rests), rests.rule
    pair = Pair(
        was.grouped.estimand(was.first(n)),
        _with_labels_of(rests, was).estimand(rests.first(n)),
        region_of(new["relation"], new["threshold"], new["margin"]),
        *verdicts,
        alpha=rule.alpha,
        census=rule.census and n == rule.population,
        unchanged=_within_noise(was.first(n), rests.first(n), was, rests),
        declared=margin,
    )
    bad = next((when for when, each in (("before", was), ("now", rests)) if not np.isfinite(each.first(n)).all()), None)
    if bad:
        return _told(old, new, UNSURE, f"{bad}, not every prompt gave a finite number")
    return Question(new["expression"], verdicts, Drift(UNSURE, ""), pair, _changed_most(was, rests, n))


def _told(old: Record, new: Record, word: str, reason: str) -> Question:
    """With both numbers as each run has them: they need not be of the same prompts."""
    before, now = (math.nan if each["estimate"] is None else each["estimate"] for each in (old, new))
    return Question(new["expression"], (old["verdict"], new["verdict"]), Drift(word, reason, before, now))


def _universal(old: Record, new: Record, was: Rests, rests: Rests) -> tuple[str, str]:
    """A counterexample is exact: it broke where a prompt that did not violate it does now, or the other way round."""
    before, now = old["verdict"], new["verdict"]
    if before == now:
        return (HOLDS, "universal claims are compared by their verdicts") if now in _DECIDED else (UNSURE, "as it was")
    if {before, now} == set(_DECIDED):
        refuted, other = (rests, was) if now == "refuted" else (was, rests)
        record = new if now == "refuted" else old
        index = record["n"] - 1
        if not refuted.replayed and not other.replayed and index < other.values.shape[1]:
            region = region_of(record["relation"].removeprefix("all "), record["threshold"], record["margin"])
            found = searched(other.basis.form.per_prompt(other.values[:, [index]]), region, other.basis.floor.worst)
            if not (found.violated.any() or found.near.any() or found.undefined.any()):
                return BROKE, f"prompt #{index} violates it {'now' if now == 'refuted' else 'no longer'}"
        return UNSURE, f"it was {before} and is {now}, by a prompt that only one of the two runs measured"
    return UNSURE, f"it was {before} and is {now}"


def _against_others(verdicts: tuple[str, str]) -> tuple[str, str]:
    before, now = verdicts
    if before == now:
        return (HOLDS, "compared by its verdict alone") if now in _DECIDED else (UNSURE, "as it was")
    if set(verdicts) == set(_DECIDED):
        return BROKE, "both verdicts are decided, and they are opposite; compared by these alone"
    return UNSURE, f"it was {before} and is {now}"


def _within_noise(old: Values, new: Values, was: Rests, rests: Rests, *, same_weights: bool = False) -> bool:
    floors = [one.worst + other.worst for one, other in zip(was.basis.floors, rests.basis.floors, strict=True)]
    return within_noise(new, old, floors, same_weights=same_weights)


def _with_labels_of(rests: Rests, was: Rests) -> Basis:
    """Prompts belong together as they did: they are the same ones."""
    return replace(rests.basis, grouping=was.grouped.grouping)


def _changed_most(was: Rests, rests: Rests, n: int) -> tuple[ChangedPrompt, ...]:
    before, now = (linearised(each.basis, each.first(n)) for each in (was, rests))
    worst = np.argsort(-np.abs(now - before), kind="stable")[:_SHOWN]
    texts = rests.prompts.texts
    return tuple(
        ChangedPrompt(int(index), texts[index] if index < len(texts) else "", float(before[index]), float(now[index]))
        for index in worst
        if now[index] != before[index]
    )


def _scope(rests: Rests) -> str:
    return "new_templates" if rests.basis.grouping.clusters else "these_templates"


def _other_prompts(was: Rests, rests: Rests) -> str:
    if was.replayed or rests.replayed:
        return ""
    fixed = was.fixed and rests.fixed
    n = paired_prompts(was, rests) if fixed else min(len(was.prompts), len(rests.prompts))
    return other_prompts(was.prompts, rests.prompts, n)


def _other_sets(old: Record, new: Record, was: Rests, rests: Rests) -> str:
    if not isinstance(was.rule, Versus) or not isinstance(rests.rule, Versus):
        return ""
    one, other = (tuple(each["control"][name] for name in ("like", "matched", "seed")) for each in (old, new))
    return "" if one == other else "it is compared with other sets"


def _claimed(comparison: Record) -> str:
    margin = "" if comparison["margin"] is None else f" ± {comparison['margin']:g}"
    return f"{comparison['relation']} {comparison['threshold']:g}{margin}"
