"""The decision on a stored result, made again from its numbers, by the code that made it first."""

from collections.abc import Iterator

import numpy as np

from circuitcheck.errors import BadRecord
from circuitcheck.grounds.rests import Rests, Since, Versus
from circuitcheck.runs.reading import Record
from circuitcheck.sampling import (
    Basis,
    Decision,
    Estimand,
    Needs,
    Ranking,
    Region,
    Search,
    Tally,
    decide,
    decide_change,
    decide_search,
    needs,
    ranked,
    region_of,
    searched,
)
from circuitcheck.sampling.decision import Columns, Draw


def decide_again(rests: Rests, comparison: Record) -> Decision | None:
    """What its numbers, its rule and what it claims come to; None where too many numbers were measured to be kept. Raises
    BadRecord where they do not belong together."""
    rule = rests.rule
    if isinstance(rule, Versus):
        return _against_others(rests, rule) if rule.values is not None else None
    relation = comparison["relation"]
    try:
        region = region_of(relation.removeprefix("all "), comparison["threshold"], comparison["margin"])
    except (TypeError, ValueError) as error:
        raise BadRecord(f"{error}.") from error
    if isinstance(rule, Search) != relation.startswith("all "):
        raise BadRecord(f"{relation} is not decided by this rule.")
    if isinstance(rule, Search):
        return _searched(rests, rule, comparison)
    if isinstance(rule, Since):
        return _since(rests, rule, region)
    return decide(_drawn(rests), rests.grouped.estimand, region, rule)


def tally_again(rule: Versus, control: Record) -> str:
    """The verdict that the counts of a tally come to."""
    ranking = Ranking(rule.design, rule.share, rule.sizes, rule.all_sets)
    counts = {name: control[name] for name in ("draws", "lesser", "ties", "beaten", "ahead", "undefined", "all_sets")}
    wanted: Needs = needs(rule.sets, rule.share, ranking.alpha, all_sets=rule.all_sets, stages=len(rule.sizes))
    return Tally(**counts).verdict(wanted)


def _drawn(rests: Rests) -> Draw:
    def draw(rows: range) -> Columns:
        if rows.stop > rests.values.shape[1]:
            raise BadRecord(f"its rule goes on to {rows.stop} prompts, and there are numbers of {rests.values.shape[1]}.")
        return rests.values[:, rows.start : rows.stop]

    return draw


def _searched(rests: Rests, rule: Search, comparison: Record) -> Decision:
    region = region_of(comparison["relation"].removeprefix("all "), comparison["threshold"], comparison["margin"])
    n = comparison["n"]
    numbers, noise = rests.basis.form.per_prompt(rests.first(n)), rests.basis.floor.worst
    if not rests.replayed:
        return decide_search(numbers, region, noise, rule, rests.grouped.grouping.trials)
    if not searched(numbers, region, noise).violated.any():
        raise BadRecord("the counterexample that it rests on violates nothing.")
    return rule.refuted(None, 1)


def _since(rests: Rests, rule: Since, region: Region) -> Decision:
    n = rule.design.maximum
    if rule.design.first != n or n > min(rule.values.shape[1], rests.fixed):
        raise BadRecord(f"its rule is of {n} prompts, and not as many were measured both times whatever came out.")
    now = rests.grouped
    then = rule.then_of(tuple(each.digest for each in rests.cells), now.grouping)
    return decide_change(_drawn(rests), now, then, region, rule.design)


def _against_others(rests: Rests, rule: Versus) -> Decision:
    values = rule.values
    assert values is not None
    if values.ndim != 3 or len(rests.cells) + values.shape[1] != len(rule.form.kinds):
        raise BadRecord("the numbers of the other sets are of other cells.")
    basis = Basis(rule.form, rule.floors, rests.grouped.grouping, rests.basis.label)

    def differences(sets: int, prompts: int) -> Iterator[Estimand]:
        if sets > len(values) or prompts > min(values.shape[2], rests.values.shape[1]):
            raise BadRecord(f"its rule goes on to {sets} sets and {prompts} prompts, which are not there.")
        for other in values[:sets]:
            yield basis.estimand(np.concatenate([rests.first(prompts), other[:, :prompts]]))

    ranking = Ranking(rule.design, rule.share, rule.sizes, rule.all_sets)
    tally, looks = ranking.decide(differences)
    own = rests.grouped.estimand(rests.first(looks[-1][0]))
    return ranked(ranking, own, tally, looks, rule.noun)
