"""What a result says: each field once, for texts, notebooks, JSON and its schema."""

import math
from collections.abc import Iterable
from typing import Any

from circuitcheck.engine.protocol import FeatureReceipt, Receipt
from circuitcheck.fields import (
    FLAG,
    REAL,
    REAL_OR_NULL,
    SOME_TEXT,
    TEXT,
    WHOLE,
    Field,
    builtins_of,
    defined,
    described,
    finite,
    or_null,
    schema_of,
)
from circuitcheck.plan import DictionaryRef
from circuitcheck.quantities.questions.history import Looks, Tries
from circuitcheck.quantities.questions.outcome import ContraryPrompt, ControlResult, Outcome
from circuitcheck.sampling import Unseen
from circuitcheck.session import Asked
from circuitcheck.stats.planning import CAP
from circuitcheck.stored.written import DEFINITIONS as STORED
from circuitcheck.stored.written import RESTS
from circuitcheck.text import counted

_FEATURES_SHOWN = 4
_VERDICTS = ("supported", "refuted", "inconclusive")
_ORDER = ("<", "<=", ">", ">=", "==", "!=")
_RELATIONS = (*_ORDER, *(f"all {each}" for each in _ORDER), "any of", "all of")
_COUNT, _NUMBER, _PROBABILITY, _STRINGS = map(defined, ("count", "number", "probability", "strings"))


def percent(share: float) -> str:
    """95%, and 99.58% for a claim of a family of twelve: rounding it to 100% would promise what nothing can."""
    return f"{100 * share:.4g}%"


def more_prompts(count: int | None) -> str:
    if count is None:
        return f"more than {CAP} times these prompts, too many to plan for from this sample"
    return f"about {count} prompts more"


def _looks(result: Outcome) -> str:
    """At which numbers of prompts it was looked."""
    decision = result.decision
    if decision.planned < 2:
        return ""
    counts = [str(n) for n, _, _ in decision.looks]
    listed = counts[0] if len(counts) == 1 else f"{', '.join(counts[:-1])} and {counts[-1]}"
    return f"; looked at after {listed} prompts, at levels that allow for {decision.planned} looks"


def _heading(prompts: tuple[ContraryPrompt, ...]) -> str:
    many = f"{len(prompts)} prompts" if len(prompts) > 1 else "prompt"
    if not all(math.isfinite(each.value) for each in prompts):
        return "prompts without a finite number, or on the other side"
    scale = " (linearised; a ratio has no value on one prompt)" if prompts[0].linearised else ""
    return f"the {many} farthest on the other side{scale}"


ASKED: tuple[Field[Asked], ...] = (
    Field("claim", TEXT, lambda asked: asked.claim),
    Field("seed", WHOLE, lambda asked: asked.seed),
    Field("budget", _COUNT, lambda asked: asked.budget),
    Field("verdict", {"enum": list(_VERDICTS)}, lambda asked: asked.verdict),
)
TRIES: tuple[Field[Tries], ...] = (
    Field("count", {"type": "integer", "minimum": 2}, lambda tries: tries.count),
    Field(
        "level",
        described("at which a verdict picked from so many tries keeps its error", _PROBABILITY),
        lambda tries: float(tries.level),
    ),
    Field("p", _PROBABILITY, lambda tries: float(tries.p)),
    Field("holds", FLAG, lambda tries: tries.holds),
    Field(
        "earlier",
        {"type": "array", "minItems": 1, "items": schema_of(ASKED)},
        lambda tries: [builtins_of(ASKED, each) for each in tries.earlier],
    ),
)
LOOKS: tuple[Field[Looks], ...] = (
    Field("views", {"type": "integer", "minimum": 1}, lambda looks: looks.views),
    Field("level", _PROBABILITY, lambda looks: float(looks.level)),
    Field("p", _PROBABILITY, lambda looks: float(looks.p)),
    Field("holds", FLAG, lambda looks: looks.holds),
    Field("of", TEXT, lambda looks: looks.of),
)
UNSEEN: tuple[Field[Unseen], ...] = (
    Field("share", described("the largest share that may be unlike any seen", _PROBABILITY), lambda u: float(u.share)),
    Field("of", described("prompts, templates, documents ...", TEXT), lambda unseen: unseen.what),
    Field("seen", _COUNT, lambda unseen: int(unseen.n)),
    Field("low", REAL, lambda unseen: float(unseen.low)),
    Field("high", REAL, lambda unseen: float(unseen.high)),
    Field(
        "overturned_beyond",
        described("the verdict falls if those average beyond this; null without a verdict", REAL_OR_NULL),
        lambda unseen: finite(unseen.beyond),
    ),
    Field(
        "fragile",
        described("values that are not outlandish would overturn the verdict", FLAG),
        lambda unseen: unseen.fragile,
    ),
    Field("text", TEXT, lambda unseen: unseen.describe()),
)
CONTROL: tuple[Field[ControlResult], ...] = (
    Field("like", SOME_TEXT, lambda control: control.like),
    Field("matched", {"type": "integer", "minimum": 1}, lambda control: int(control.matched)),
    Field("seed", WHOLE, lambda control: int(control.seed)),
    Field("own", _NUMBER, lambda control: finite(control.own)),
    Field("strongest", TEXT, lambda control: control.strongest),
    Field("strongest_effect", _NUMBER, lambda control: finite(control.strongest_effect)),
    Field("draws", _COUNT, lambda control: int(control.tally.draws)),
    Field("lesser", described("sets with less effect on these prompts", _COUNT), lambda control: int(control.tally.lesser)),
    Field("ties", _COUNT, lambda control: int(control.tally.ties)),
    Field("beaten", described("sets shown to have less effect", _COUNT), lambda control: int(control.tally.beaten)),
    Field("ahead", described("sets shown to have more effect", _COUNT), lambda control: int(control.tally.ahead)),
    Field("undefined", described("sets without a finite number", _COUNT), lambda control: int(control.tally.undefined)),
    Field("all_sets", FLAG, lambda control: bool(control.tally.all_sets)),
)
CONTRARY: tuple[Field[ContraryPrompt], ...] = (
    Field("index", or_null(_COUNT), lambda prompt: prompt.index),
    Field("template", TEXT, lambda prompt: prompt.template),
    Field("text", TEXT, lambda prompt: prompt.text),
    Field("value", _NUMBER, lambda prompt: finite(prompt.value)),
    Field("linearised", FLAG, lambda prompt: prompt.linearised),
)
FEATURE: tuple[Field[FeatureReceipt], ...] = (
    Field("feature", TEXT, lambda receipt: receipt.feature),
    Field("fires", described("on how many prompts, where it is changed", _COUNT), lambda receipt: receipt.fires),
    Field(
        "mean_activation",
        described("over all prompts, before it was changed", _NUMBER),
        lambda receipt: finite(sum(receipt.activation) / max(1, len(receipt.activation))),
    ),
)
DICTIONARY: tuple[Field[DictionaryRef], ...] = (
    Field("name", TEXT, str),
    Field("spec", TEXT, lambda ref: ref.spec),
    Field("fingerprint", TEXT, lambda ref: ref.fingerprint),
    Field("reads", TEXT, lambda ref: str(ref.reads)),
    Field("writes", TEXT, lambda ref: str(ref.writes)),
    Field("features", _COUNT, lambda ref: ref.width),
)
RECEIPT: tuple[Field[Receipt], ...] = (
    Field("model", TEXT, lambda receipt: receipt.model),
    Field("view", TEXT, lambda receipt: receipt.view),
    Field("intervention", TEXT, lambda receipt: receipt.intervention),
    Field("sites", _STRINGS, lambda receipt: list(receipt.sites)),
    Field("prompts", _COUNT, lambda receipt: receipt.prompts),
    Field("changed", _COUNT, lambda receipt: receipt.changed),
    Field("mean_relative_change", _NUMBER, lambda receipt: finite(receipt.mean_relative_change)),
    Field("idle", _STRINGS, lambda receipt: list(receipt.idle)),
    Field(
        "features",
        {"type": "array", "items": schema_of(FEATURE)},
        lambda receipt: [builtins_of(FEATURE, each) for each in receipt.features],
    ),
    Field(
        "mean_output_change",
        described("of a dictionary, relative to its output; null where none was changed", REAL_OR_NULL),
        lambda receipt: finite(receipt.mean_output_change),
    ),
)


def _estimate(result: Outcome) -> list[str]:
    decision = result.decision
    if math.isnan(decision.estimate):
        return []
    low, high = f"{decision.low:.4g}", f"{decision.high:.4g}"
    return [f"{decision.estimate:.4g}, {percent(decision.confidence)} interval [{low}, {high}]"]


def _groups(result: Outcome) -> str:
    return counted(result.templates, result.groups.removesuffix("s"))


def _prompts(result: Outcome) -> list[str]:
    return [
        f"{counted(result.decision.n, 'prompt')} from {_groups(result)} of {result.task} ({result.stream} stream, "
        f"seed {result.seed}; scope: {result.scope.replace('_', ' ')})"
    ]


def _farthest(result: Outcome) -> list[str]:
    listed = "".join(f"\n  {each.describe()}" for each in result.contrary)
    return [f"{_heading(result.contrary)}:{listed}"] if result.contrary else []


def _proof(result: Outcome) -> list[str]:
    return [
        f"{receipt.intervention} changed {receipt.changed} of {receipt.prompts} prompts "
        f"(mean relative change {receipt.mean_relative_change:.3g}{_of_output(receipt)}){_firing(receipt)}"
        for receipt in result.receipts
    ]


def _of_output(receipt: Receipt) -> str:
    found = receipt.mean_output_change
    return "" if found is None else f", of the dictionary's output {found:.3g}"


def _firing(receipt: Receipt) -> str:
    counts = ", ".join(f"{each.feature} on {each.fires}" for each in receipt.features[:_FEATURES_SHOWN])
    more = f", and {len(receipt.features) - _FEATURES_SHOWN} more" if len(receipt.features) > _FEATURES_SHOWN else ""
    return f"; firing before: {counts}{more}" if counts else ""


def _dictionary(ref: DictionaryRef) -> str:
    where = f"at {ref.reads}" if not ref.is_transcoder else f"from {ref.reads} to {ref.writes}"
    return f"{ref} ({ref.fingerprint[:12]}): {ref.width} features {where}"


def _given(text: str) -> Iterable[str]:
    return [text] if text else []


def _unseen(result: Outcome) -> Iterable[str]:
    """What would overturn a verdict is among the warnings already."""
    unseen = result.decision.unseen
    return [] if unseen is None or unseen.fragile else [unseen.describe()]


def _number_or_null(value: float | None) -> float | None:
    return None if value is None else float(value)


def _comparison(result: Outcome) -> dict[str, Any]:
    return builtins_of(FIELDS, result)


FIELDS: tuple[Field[Outcome], ...] = (
    Field("expression", SOME_TEXT, lambda result: result.expression),
    Field("relation", {"enum": list(_RELATIONS)}, lambda result: result.relation),
    Field(
        "threshold",
        described("null for any of and all of, which have parts", REAL_OR_NULL),
        lambda result: _number_or_null(result.threshold),
    ),
    Field("margin", REAL_OR_NULL, lambda result: _number_or_null(result.margin)),
    Field("verdict", {"enum": list(_VERDICTS)}, lambda result: result.decision.verdict),
    Field("estimate", _NUMBER, lambda result: finite(result.decision.estimate), "estimate", _estimate),
    Field(
        "ci",
        {"type": "array", "minItems": 2, "maxItems": 2, "items": _NUMBER},
        lambda result: [finite(result.decision.low), finite(result.decision.high)],
    ),
    Field("confidence", defined("level"), lambda result: float(result.decision.confidence)),
    Field("n", _COUNT, lambda result: int(result.decision.n), "sample", _prompts),
    Field("templates", _COUNT, lambda result: int(result.templates)),
    Field(
        "groups",
        described("what `templates` counts", {"enum": ["templates", "documents"]}),
        lambda result: result.groups,
    ),
    Field("stream", TEXT, lambda result: result.stream),
    Field("seed", WHOLE, lambda result: int(result.seed)),
    Field("method", SOME_TEXT, lambda result: result.decision.method),
    Field(
        "method_in_words",
        TEXT,
        lambda result: result.decision.words,
        "method",
        lambda result: [f"{result.decision.words}{_looks(result)}"] if result.decision.words else [],
    ),
    Field(
        "looks",
        {
            "type": "array",
            "items": {"type": "array", "minItems": 3, "maxItems": 3, "prefixItems": [_COUNT, _NUMBER, _NUMBER]},
        },
        lambda result: [[int(n), finite(low), finite(high)] for n, low, high in result.decision.looks],
    ),
    Field("census", FLAG, lambda result: bool(result.decision.census)),
    Field("noise_floor", _NUMBER, lambda result: finite(result.decision.noise)),
    Field("reason", TEXT, lambda result: result.decision.reason, "reason", lambda result: _given(result.decision.reason)),
    Field(
        "n_more",
        {"type": "object", "propertyNames": {"enum": ["0.5", "0.8"]}, "additionalProperties": {"type": ["integer", "null"]}},
        lambda result: {f"{power:g}": count for power, count in result.decision.n_more},
        "to decide",
        lambda result: [f"with probability {power:g}: {more_prompts(count)}" for power, count in result.decision.n_more],
    ),
    Field(
        "unseen",
        described(
            "what the sample cannot exclude; null for methods whose interval allows for prompts unlike any seen",
            or_null(defined("unseen")),
        ),
        lambda result: None if result.decision.unseen is None else builtins_of(UNSEEN, result.decision.unseen),
        "not seen",
        _unseen,
    ),
    Field("warnings", _STRINGS, lambda result: list(result.warnings), "warning", lambda result: result.warnings),
    Field("notes", _STRINGS, lambda result: list(result.decision.notes), "note", lambda result: result.decision.notes),
    Field(
        "control",
        or_null(defined("control")),
        lambda result: None if result.control is None else builtins_of(CONTROL, result.control),
        "controls",
        lambda result: [] if result.control is None else [result.control.describe()],
    ),
    Field(
        "contrary",
        {"type": "array", "maxItems": 3, "items": defined("contrary")},
        lambda result: [builtins_of(CONTRARY, each) for each in result.contrary],
        "against it",
        _farthest,
    ),
    Field("receipts", label="proof", words=_proof),  # JSON has those of a claim together
    Field(
        "dictionaries",
        {"type": "array", "items": schema_of(DICTIONARY)},
        lambda result: [builtins_of(DICTIONARY, ref) for ref in result.dictionaries],
        "dictionary",
        lambda result: list(map(_dictionary, result.dictionaries)),
    ),
    Field(
        "question",
        described("a key of what was asked, without seed and threshold; empty for any of and all of", TEXT),
        lambda result: result.question,
    ),
    Field(
        "shape",
        described("the question in words, without its units and thresholds", TEXT),
        lambda result: result.shape,
    ),
    Field(
        "rests_on",
        described(
            "all that the decision can be made from again; null where its parts have it", or_null(defined("rests_on"))
        ),
        lambda result: None if result.rests is None else builtins_of(RESTS, result.rests),
    ),
    Field(
        "tries",
        described("earlier askings of this question that came out otherwise", or_null(defined("tries"))),
        lambda result: None if result.tries is None else builtins_of(TRIES, result.tries),
    ),
    Field(
        "looked_at",
        described("what was looked at before on these prompts", or_null(defined("looked_at"))),
        lambda result: None if result.looks is None else builtins_of(LOOKS, result.looks),
    ),
    Field(
        "parts",
        {"type": "array", "items": defined("comparison")},
        lambda result: [_comparison(part) for part in result.parts],
    ),
)
_SAYS_WHY = {
    "if": {"properties": {"verdict": {"const": "inconclusive"}}},
    "then": {"properties": {"reason": {"minLength": 1}}},
}
DEFINITIONS: dict[str, dict[str, Any]] = {
    **STORED,
    "comparison": {**schema_of(FIELDS), "allOf": [_SAYS_WHY]},
    "tries": schema_of(TRIES),
    "looked_at": schema_of(LOOKS),
    "unseen": schema_of(UNSEEN),
    "control": schema_of(CONTROL),
    "contrary": schema_of(CONTRARY),
    "receipt": schema_of(RECEIPT),
}
