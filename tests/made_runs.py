"""Runs made of numbers: what a report holds of claims, without a model."""

import hashlib
import json
from dataclasses import replace

import numpy as np

from circuitcheck.claims import Claim, ClaimResult
from circuitcheck.grounds.rests import PromptSet, Rests, StoredCell
from circuitcheck.quantities import ComparisonResult
from circuitcheck.report import ClaimLog, whole_report
from circuitcheck.report.seal import sealed
from circuitcheck.sampling import (
    Basis,
    Combination,
    Decision,
    Design,
    Form,
    Grouping,
    Kind,
    Memberships,
    Noise,
    Search,
    decide,
    decide_search,
    region_of,
)
from circuitcheck.session import Measured
from circuitcheck.settings import Settings

REAL, BINARY, UNIT = Kind(), Kind((0.0, 1.0), binary=True), Kind((0.0, 1.0))
MEAN, RATIO = Combination(((1.0, 0),)), (Combination(((1.0, 0),)), Combination(((1.0, 1),)))
ENVIRONMENT = {
    "packages": {},
    "python": "3.11",
    "platform": "Linux",
    "cpus": 2,
    "device": "cpu",
    "engine": "local",
    "dtype": "float32",
    "seed": 0,
    "confidence": 0.95,
    "first_look": 32,
    "samples": 512,
    "batch": 32,
    "scope": "these_templates",
    "time": "2026-11-29T21:00:00+00:00",
    "commit": None,
}


def mean_of_one(kind=REAL):
    return Form((kind,), MEAN)


def ratio(kind=REAL):
    return Form((kind, kind), *RATIO)


def question(
    columns,
    relation="<",
    threshold=1.0,
    margin=None,
    *,
    form=None,
    noise=0.0,
    fixed=None,
    name="number",
    model="m@1",
    templates=None,
    clustered=False,
    seed=0,
    texts=None,
    rule=None,
):
    """One comparison on `columns` [cell, prompt], as many of which are looked at as the rule takes."""
    columns = np.atleast_2d(np.asarray(columns, float))
    n, form = columns.shape[1], form or mean_of_one()
    design = rule or Design(maximum=n)
    if isinstance(design, Search):
        design = replace(design, population=max(n, design.population))
    labels = Memberships(templates or tuple(f"t{i % 8}" for i in range(n)), ("",) * n, ("",) * n)
    grouping = Grouping(labels.first, ("templates",) if clustered else ())
    basis = Basis(form, (Noise(noise, noise),) * len(columns), grouping, name)
    decision = _decided(columns, basis, design, region_of(relation, threshold, margin))
    fixed = min(32 if fixed is None else fixed, n)
    kept = max(decision.n, fixed)
    rests = Rests(
        _prompts(kept, seed, labels, texts),
        tuple(StoredCell(_key(name, i, model), f"{name} {i}", model, _key(model)) for i in range(len(columns))),
        columns[:, :kept],
        basis,
        design,
        fixed,
        _key(name, repr(form)),
    )
    every = "all " if isinstance(design, Search) else ""
    return ComparisonResult(
        expression=f"{name} {relation} {threshold:g}",
        relation=every + relation,
        threshold=threshold,
        margin=margin,
        decision=decision,
        task="ioi",
        stream="test",
        seed=seed,
        templates=8,
        groups="templates",
        scope="new_templates" if clustered else "these_templates",
        measured=Measured((), range(decision.n), np.empty((0, decision.n)), (), ()),
        contrary=(),
        question=_key(name),
        shape=name,
        rests=rests,
    )


def joined(kind, *parts):
    """`any of` or `all of`."""
    verdicts = [part.decision.verdict for part in parts]
    one, each = ("refuted", "supported") if kind == "all of" else ("supported", "refuted")
    verdict = one if one in verdicts else each if set(verdicts) == {each} else "inconclusive"
    decision = Decision(
        verdict, "undecided parts" if verdict == "inconclusive" else "", np.nan, np.nan, np.nan, kind, 0.95,
        max(part.decision.n for part in parts), (), (), (), census=False,
    )  # fmt: skip
    return replace(
        parts[0], expression=f"{kind}: ...", relation=kind, threshold=None, margin=None, decision=decision, parts=parts,
        rests=None, question="", shape="",
    )  # fmt: skip


def claim(name, *comparisons, verdict=None, text=None, expect="supported", model="m@1", **more):
    verdicts = [each.decision.verdict for each in comparisons]
    worst = next((each for each in ("refuted", "inconclusive") if each in verdicts), "supported")
    result = ClaimResult(
        claim=Claim(text or f"a sentence about {name}", name, (model,), expect, None, None, None),
        model=model,
        fingerprint=_key(model),
        verdict=verdict or worst,
        comparisons=comparisons,
        seconds=1.0,
        forward_passes=1,
        scope=comparisons[0].scope if comparisons else "these_templates",
        node=f"test_it.py::test_{name}[{model}]",
        reason="" if (verdict or worst) in ("supported", "refuted") else "a reason",
        **more,
    )
    return result.to_builtins()


def report(*claims, **environment):
    log = ClaimLog()
    for each in claims:
        log.take("result", {"claim": each})
    made = whole_report(log, {**ENVIRONMENT, **environment}, None, 0)
    return sealed(json.loads(json.dumps(made, allow_nan=False)))


def settings():
    return Settings()


def _decided(columns, basis, rule, region):
    if isinstance(rule, Search):
        numbers = basis.form.per_prompt(columns)
        return decide_search(numbers, region, basis.floor.worst, rule, lambda n: n)
    return decide(lambda rows: columns[:, rows.start : rows.stop], basis.estimand, region, rule)


def _prompts(n, seed, labels, texts):
    said = texts or [f"prompt {seed} {i} of the task" for i in range(n)]
    digests = np.stack(
        [np.frombuffer(hashlib.blake2b(each.encode(), digest_size=8).digest(), np.uint8) for each in said[:n]]
    )
    return PromptSet(_key("prompts", seed), "ioi", _key("ioi"), "test", seed, digests, tuple(said[:n]), labels.first(n))


def _key(*parts):
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
