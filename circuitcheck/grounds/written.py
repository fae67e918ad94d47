"""How reports hold what a result rests on: each field once, for JSON and its schema."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from circuitcheck.fields import (
    FLAG,
    REAL,
    REAL_OR_NULL,
    SOME_TEXT,
    TEXT,
    WHOLE,
    Field,
    Schema,
    builtins_of,
    defined,
    described,
    or_null,
    schema_of,
)
from circuitcheck.grounds.rests import PromptSet, Rests, Rule, Since, StoredCell, Versus
from circuitcheck.packed import ARRAY, TEXTS, pack, pack_texts
from circuitcheck.sampling import Combination, Design, Form, Kind, Noise, Search

_COUNT, _LEVEL = defined("count"), defined("level")
_PACKED = defined("packed")


def _list(schema: Schema, **more: int) -> Schema:
    return {"type": "array", "items": schema, **more}


COMBINATION: tuple[Field[Combination], ...] = (
    Field(
        "terms",
        described("factor, and number of the cell", _list({"type": "array", "prefixItems": [REAL, _COUNT], "minItems": 2})),
        lambda made: [[float(k), cell] for k, cell in made.terms],
    ),
    Field("constant", REAL, lambda made: float(made.constant)),
)
KIND: tuple[Field[Kind], ...] = (
    Field("bounds", or_null(_list(REAL, minItems=2, maxItems=2)), lambda k: None if k.bounds is None else [*k.bounds]),
    Field("binary", FLAG, lambda kind: kind.binary),
)
FORM: tuple[Field[Form], ...] = (
    Field("kinds", _list(schema_of(KIND)), lambda form: [builtins_of(KIND, each) for each in form.kinds]),
    Field("numerator", schema_of(COMBINATION), lambda form: builtins_of(COMBINATION, form.numerator)),
    Field("denominator", or_null(schema_of(COMBINATION)), lambda form: _combined(form.denominator)),
    Field(
        "times",
        described("of a lift: its denominator is the product of two means", or_null(schema_of(COMBINATION))),
        lambda form: _combined(form.times),
    ),
    Field("cut", described("the number is the share of prompts above it", REAL_OR_NULL), lambda form: form.cut),
    Field("q", described("the number is this quantile", REAL_OR_NULL), lambda form: form.q),
)
NOISE = described("of the machine: on a mean over prompts, and on one prompt", _list(REAL, minItems=2, maxItems=2))
DESIGN: tuple[Field[Design], ...] = (
    Field("kind", {"const": "looks"}, lambda _: "looks"),
    Field("confidence", _LEVEL, lambda design: float(design.confidence)),
    Field("first", _COUNT, lambda design: design.first),
    Field("maximum", _COUNT, lambda design: design.maximum),
    Field("population", or_null(_COUNT), lambda design: design.population),
    Field("census", FLAG, lambda design: bool(design.census)),
    Field("refuting", REAL, lambda design: float(design.refuting)),
)
SEARCH: tuple[Field[Search], ...] = (
    Field("kind", {"const": "search"}, lambda _: "search"),
    Field("rate", REAL, lambda rule: float(rule.rate)),
    Field("confidence", _LEVEL, lambda rule: float(rule.confidence)),
    Field("prompts", or_null(_COUNT), lambda rule: rule.prompts),
    Field("population", _COUNT, lambda rule: rule.population),
    Field("is_population", FLAG, lambda rule: bool(rule.is_population)),
    Field("groups", TEXT, lambda rule: rule.groups),
)
VERSUS: tuple[Field[Versus], ...] = (
    Field("kind", {"const": "beats"}, lambda _: "beats"),
    Field("design", schema_of(DESIGN), lambda rule: builtins_of(DESIGN, rule.design)),
    Field("share", REAL, lambda rule: float(rule.share)),
    Field("sizes", _list(_COUNT, minItems=1), lambda rule: [*rule.sizes]),
    Field("all_sets", FLAG, lambda rule: bool(rule.all_sets)),
    Field("sets", _COUNT, lambda rule: rule.sets),
    Field("noun", TEXT, lambda rule: rule.noun),
    Field("form", defined("form"), lambda rule: builtins_of(FORM, rule.form)),
    Field("floors", _list(NOISE), lambda rule: noises(rule.floors)),
    Field(
        "values",
        described("[set, cell, prompt]; null where they are too many to keep", or_null(_PACKED)),
        lambda rule: None if rule.values is None else pack(rule.values),
    ),
)
CELL: tuple[Field[StoredCell], ...] = (
    Field("digest", SOME_TEXT, lambda cell: cell.digest),
    Field("words", TEXT, lambda cell: cell.words),
    Field("model", TEXT, lambda cell: cell.model),
    Field("fingerprint", TEXT, lambda cell: cell.fingerprint),
)
SINCE: tuple[Field[Since], ...] = (
    Field("kind", {"const": "since"}, lambda _: "since"),
    Field("design", schema_of(DESIGN), lambda rule: builtins_of(DESIGN, rule.design)),
    Field("then", described("the claim, and the baseline that it is from", TEXT), lambda rule: rule.then),
    Field("cells", _list(schema_of(CELL)), lambda rule: [builtins_of(CELL, each) for each in rule.cells]),
    Field("form", defined("form"), lambda rule: builtins_of(FORM, rule.form)),
    Field("floors", _list(NOISE), lambda rule: noises(rule.floors)),
    Field("values", described("[cell, prompt], as measured then", _PACKED), lambda rule: pack(rule.values)),
)
RESTS: tuple[Field[Rests], ...] = (
    Field("measured", described("the key of the prompts, in `measured` of the claim", SOME_TEXT), lambda r: r.prompts.key),
    Field("fixed", described("so many prompts were measured whatever came out", _COUNT), lambda rests: rests.fixed),
    Field("asked", described("a digest of what is measured, without its models", SOME_TEXT), lambda rests: rests.asked),
    Field("replayed", described("the prompt is a counterexample that was stored", FLAG), lambda rests: rests.replayed),
    Field("label", TEXT, lambda rests: rests.basis.label),
    Field("cells", _list(SOME_TEXT), lambda rests: [each.digest for each in rests.cells]),
    Field("floors", _list(NOISE), lambda rests: noises(rests.basis.floors)),
    Field("form", defined("form"), lambda rests: builtins_of(FORM, rests.basis.form)),
    Field(
        "clusters",
        described("what prompts are a sample of, where that is more than prompts", defined("strings")),
        lambda rests: [*rests.basis.grouping.clusters],
    ),
    Field("has_units", FLAG, lambda rests: rests.basis.grouping.has_units),
    Field("what", TEXT, lambda rests: rests.basis.grouping.what),
    Field("rule", {"oneOf": [schema_of(each) for each in (DESIGN, SEARCH, VERSUS, SINCE)]}, lambda rests: _rule(rests.rule)),
)
_LABELS: Schema = {
    "type": "object",
    "required": ["names", "of"],
    "additionalProperties": False,
    "properties": {"names": TEXTS, "of": _PACKED},
}
PROMPTS: tuple[Field[PromptSet], ...] = (
    Field("key", SOME_TEXT, lambda prompts: prompts.key),
    Field("task", TEXT, lambda prompts: prompts.task),
    Field("task_digest", TEXT, lambda prompts: prompts.task_digest),
    Field("stream", TEXT, lambda prompts: prompts.stream),
    Field("seed", WHOLE, lambda prompts: prompts.seed),
    Field("prompts", _COUNT, len),
    Field(
        "digests",
        described("[prompt, 8]: of text, answers and counterfactuals, whatever the tokenizer", _PACKED),
        lambda prompts: pack(prompts.digests),
    ),
    Field("texts", described("of the first prompts, cut", TEXTS), lambda prompts: pack_texts(prompts.texts)),
    Field("templates", _LABELS, lambda prompts: _labels(prompts.labels.templates)),
    Field("second", or_null(_LABELS), lambda prompts: _labels_or_none(prompts.labels.second)),
    Field("units", or_null(_LABELS), lambda prompts: _labels_or_none(prompts.labels.units)),
)
DEFINITIONS: dict[str, Any] = {
    "packed": ARRAY,
    "form": schema_of(FORM),
    "rests_on": schema_of(RESTS),
    "measured": {
        **schema_of(PROMPTS),
        "required": [*schema_of(PROMPTS)["required"], "cells", "values"],
        "properties": {
            **schema_of(PROMPTS)["properties"],
            "cells": _list(schema_of(CELL)),
            "values": described("for each cell, [prompt]", _list(_PACKED)),
        },
    },
}


def measured_of(found: Iterable[Rests]) -> list[dict[str, Any]]:
    """Each set of prompts once, on the most prompts, with each cell once."""
    sets: dict[str, PromptSet] = {}
    cells: dict[str, dict[str, tuple[StoredCell, np.ndarray[Any, np.dtype[np.float64]]]]] = {}
    for each in found:
        key = each.prompts.key
        if key not in sets or len(sets[key]) < len(each.prompts):
            sets[key] = each.prompts
        mine = cells.setdefault(key, {})
        for cell, values in zip(each.cells, each.values, strict=True):
            if cell.digest not in mine or len(mine[cell.digest][1]) < len(values):
                mine[cell.digest] = cell, values
    return [
        {
            **builtins_of(PROMPTS, sets[key]),
            "cells": [builtins_of(CELL, cell) for cell, _ in mine.values()],
            "values": [pack(values) for _, values in mine.values()],
        }
        for key, mine in cells.items()
    ]


def noises(floors: Sequence[Noise]) -> list[list[float]]:
    return [[float(each.mean), float(each.worst)] for each in floors]


def _combined(made: Combination | None) -> dict[str, Any] | None:
    return None if made is None else builtins_of(COMBINATION, made)


def _rule(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Search):
        return builtins_of(SEARCH, rule)
    if isinstance(rule, Since):
        return builtins_of(SINCE, rule)
    return builtins_of(VERSUS, rule) if isinstance(rule, Versus) else builtins_of(DESIGN, rule)


def _labels(labels: Sequence[str]) -> dict[str, Any]:
    names, numbers = np.unique(np.array(labels, object).astype(str), return_inverse=True)
    return {"names": pack_texts([str(each) for each in names]), "of": pack(numbers.astype(np.uint32))}


def _labels_or_none(labels: Sequence[str]) -> dict[str, Any] | None:
    return _labels(labels) if any(labels) else None
