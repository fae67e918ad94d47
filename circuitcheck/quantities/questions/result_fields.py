"""What a result says: each field once, for texts, notebooks, JSON and its schema."""

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
    if_any,
    or_null,
    schema_of,
)
from circuitcheck.grounds.written import DEFINITIONS as STORED
from circuitcheck.grounds.written import RESTS
from circuitcheck.plan import DictionaryRef
from circuitcheck.quantities.questions import result_words as words
from circuitcheck.quantities.questions.history import Looks, Tries
from circuitcheck.quantities.questions.outcome import ContraryPrompt, ControlResult, Outcome
from circuitcheck.sampling import Unseen
from circuitcheck.session import Asked

_VERDICTS = ("supported", "refuted", "inconclusive")
_ORDER = ("<", "<=", ">", ">=", "==", "!=")
_RELATIONS = (*_ORDER, *(f"all {each}" for each in _ORDER), "any of", "all of")
_COUNT, _NUMBER, _PROBABILITY, _STRINGS = map(defined, ("count", "number", "probability", "strings"))
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
    Field("text", TEXT, lambda control: control.describe()),
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
    Field("estimate", _NUMBER, lambda result: finite(result.decision.estimate), "estimate", words.estimate),
    Field(
        "ci",
        {"type": "array", "minItems": 2, "maxItems": 2, "items": _NUMBER},
        lambda result: [finite(result.decision.low), finite(result.decision.high)],
    ),
    Field("confidence", defined("level"), lambda result: float(result.decision.confidence)),
    Field("n", _COUNT, lambda result: int(result.decision.n), "sample", words.sample),
    Field("templates", _COUNT, lambda result: int(result.templates)),
    Field(
        "groups",
        described("what `templates` counts", {"enum": ["templates", "documents"]}),
        lambda result: result.groups,
    ),
    Field("task", TEXT, lambda result: result.task),
    Field("stream", TEXT, lambda result: result.stream),
    Field("seed", WHOLE, lambda result: int(result.seed)),
    Field("scope", defined("scope"), lambda result: result.scope),
    Field("method", SOME_TEXT, lambda result: result.decision.method),
    Field(
        "method_in_words",
        TEXT,
        lambda result: result.decision.words,
        "method",
        words.method,
    ),
    Field(
        "looks",
        {
            "type": "array",
            "items": {"type": "array", "minItems": 3, "maxItems": 3, "prefixItems": [_COUNT, _NUMBER, _NUMBER]},
        },
        lambda result: [[int(n), finite(low), finite(high)] for n, low, high in result.decision.looks],
    ),
    Field(
        "planned_looks",
        described("that its levels allow for", _COUNT),
        lambda result: int(result.decision.planned),
    ),
    Field("census", FLAG, lambda result: bool(result.decision.census)),
    Field("noise_floor", _NUMBER, lambda result: finite(result.decision.noise)),
    Field("reason", TEXT, lambda result: result.decision.reason, "reason", if_any("reason")),
    Field(
        "n_more",
        {"type": "object", "propertyNames": {"enum": ["0.5", "0.8"]}, "additionalProperties": {"type": ["integer", "null"]}},
        lambda result: {f"{power:g}": count for power, count in result.decision.n_more},
        "to decide",
        words.to_decide,
    ),
    Field(
        "unseen",
        described(
            "what the sample cannot exclude; null for methods whose interval allows for prompts unlike any seen",
            or_null(defined("unseen")),
        ),
        lambda result: None if result.decision.unseen is None else builtins_of(UNSEEN, result.decision.unseen),
        "not seen",
        words.not_seen,
    ),
    Field("warnings", _STRINGS, lambda result: list(result.warnings), "warning", lambda found: found["warnings"]),
    Field("notes", _STRINGS, lambda result: list(result.decision.notes), "note", lambda found: found["notes"]),
    Field(
        "control",
        or_null(defined("control")),
        lambda result: None if result.control is None else builtins_of(CONTROL, result.control),
        "controls",
        lambda found: [] if found["control"] is None else [found["control"]["text"]],
    ),
    Field(
        "contrary",
        {"type": "array", "maxItems": 3, "items": defined("contrary")},
        lambda result: [builtins_of(CONTRARY, each) for each in result.contrary],
        "against it",
        words.against_it,
    ),
    Field(
        "dictionaries",
        {"type": "array", "items": schema_of(DICTIONARY)},
        lambda result: [builtins_of(DICTIONARY, ref) for ref in result.dictionaries],
        "dictionary",
        words.dictionary,
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
# JSON has those of a claim together.
PROOF: Field[Outcome] = Field(
    "receipts",
    value=lambda result: [builtins_of(RECEIPT, each) for each in result.receipts],
    label="proof",
    words=words.proof,
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
