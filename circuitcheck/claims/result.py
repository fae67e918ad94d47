"""A claim's result, as reports and other processes get it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from circuitcheck.claims.claim import Claim
from circuitcheck.claims.wording import NO_WORDING, Wording
from circuitcheck.engine.protocol import Receipt, Work, on_most_prompts
from circuitcheck.fields import (
    FLAG,
    SHARED,
    SOME_TEXT,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    Field,
    Schema,
    builtins_of,
    defined,
    described,
    finite,
    if_any,
    or_null,
    schema_of,
)
from circuitcheck.grounds.rests import Rests
from circuitcheck.grounds.written import measured_of
from circuitcheck.peak_memory import peak_in_words
from circuitcheck.pictures import Picture
from circuitcheck.quantities import ComparisonResult
from circuitcheck.quantities.questions.result_fields import DEFINITIONS, RECEIPT
from circuitcheck.quantities.questions.result_fields import FIELDS as COMPARISON
from circuitcheck.quantities.questions.result_words import Found, proof
from circuitcheck.sampling import Evidence
from circuitcheck.session import NOTHING_REUSED, Reuse
from circuitcheck.settings import Settings
from circuitcheck.text import all_printable, counted

_WORK = ("whole", "kept", "shortened", "calls", "done", "needed")
VERDICTS = ("supported", "refuted", "inconclusive", "error", "skipped")


@dataclass(frozen=True)
class ClaimResult:
    """`verdict` is supported, refuted, inconclusive, error or skipped; `reason` says why for the last three. `node` is the
    id of its test."""

    claim: Claim
    model: str | None
    fingerprint: str | None
    verdict: str
    comparisons: tuple[ComparisonResult, ...]
    seconds: float
    forward_passes: int
    scope: str
    node: str
    reason: str = ""
    warnings: tuple[str, ...] = ()
    evidence: Evidence | None = None
    reused: Reuse = NOTHING_REUSED
    wording: Wording = NO_WORDING
    settings: Settings | None = None
    pictures: tuple[Picture, ...] = ()
    work: Work = field(default_factory=Work)
    peak_memory: int | None = None

    @property
    def as_expected(self) -> bool:
        return self.verdict == self.claim.expect

    def to_builtins(self) -> dict[str, Any]:
        """Only None, bool, int, float, printable str, list and dict, as xdist and JSON want it; no NaN or infinity."""
        printed: dict[str, Any] = all_printable(builtins_of(FIELDS, self))
        return printed

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Of all comparisons, each once."""
        return on_most_prompts(receipt for comparison in self.comparisons for receipt in comparison.receipts)


def rests_in(comparisons: Iterable[ComparisonResult]) -> Iterable[Rests]:
    """Those of comparisons and of their parts."""
    for each in comparisons:
        yield from rests_in(each.parts)
        if each.rests is not None:
            yield each.rests


def _warnings(result: ClaimResult) -> Iterable[str]:
    return [*result.warnings, *(note for each in result.comparisons for note in each.warnings)]


def _model_in_words(found: Found) -> Iterable[str]:
    if found["model"] is not None:
        fingerprint = found["model"]["fingerprint"]
        yield f"{found['model']['spec']}{f' (fingerprint {fingerprint})' if fingerprint else ''}"


def _family_in_words(found: Found) -> Iterable[str]:
    if found["family"] is not None:
        yield f"{found['family']['name']}, whose {counted(found['family']['size'], 'claim')} share one error"


def _cost(found: Found) -> Iterable[str]:
    passes, held = f"{found['forward_passes']:,} forward passes", peak_in_words(found["peak_memory"])
    parts = (counted(found["prompts"], "prompt"), passes, f"{found['seconds']:.1f} s", held)
    yield ", ".join(filter(None, parts))


def same_as_in_words(found: Found) -> Iterable[str]:
    if found["same_as"] is not None:
        yield f"asks the same as {found['same_as']}: together they count once"


def _each_warning(found: Found) -> Iterable[str]:
    return dict.fromkeys(found["warnings"])


SETTINGS: tuple[Field[Settings], ...] = (
    Field("seed", WHOLE, lambda settings: settings.seed),
    Field("samples", defined("count"), lambda settings: settings.samples),
    Field("first_look", defined("count"), lambda settings: settings.first_look),
    Field("confidence", defined("level"), lambda settings: float(settings.confidence)),
)
REGISTERED: Schema = {
    "type": "object",
    "required": ["when", "before_measured", "changes"],
    "additionalProperties": False,
    "properties": {
        "when": described("null for a claim that is not in the file", TEXT_OR_NULL),
        "before_measured": described("no measurement of it was known then, and this run came later", FLAG),
        "changes": described("what is said otherwise since", defined("strings")),
    },
}
FIELDS: tuple[Field[ClaimResult], ...] = (
    Field("id", SOME_TEXT, lambda result: result.claim.id),
    Field("param", TEXT_OR_NULL, lambda result: result.model),
    Field(
        "models",
        described("all that the claim is made of, in the order in which they were named", defined("strings")),
        lambda result: [*result.claim.models],
    ),
    Field("text", SOME_TEXT, lambda result: result.claim.text),
    Field("source", TEXT_OR_NULL, lambda result: result.claim.source, "source", if_any("source")),
    Field(
        "model",
        or_null(
            {
                "type": "object",
                "required": ["spec", "fingerprint"],
                "additionalProperties": False,
                "properties": {"spec": TEXT, "fingerprint": TEXT_OR_NULL},
            }
        ),
        lambda result: None if result.model is None else {"spec": result.model, "fingerprint": result.fingerprint},
        "model",
        _model_in_words,
    ),
    Field("expected", {"enum": ["supported", "refuted"]}, lambda result: result.claim.expect),
    Field("verdict", {"enum": list(VERDICTS)}, lambda result: result.verdict),
    Field("as_expected", FLAG, lambda result: result.as_expected),
    Field("scope", defined("scope"), lambda result: result.scope),
    Field(
        "settings",
        described("under which its questions were asked; null where it never came to that", or_null(schema_of(SETTINGS))),
        lambda result: None if result.settings is None else builtins_of(SETTINGS, result.settings),
    ),
    Field(
        "asserts", described("what its test asserts, as it is written", defined("strings")), lambda r: [*r.wording.asserts]
    ),
    Field(
        "test_digest",
        described("of its test function, without comments, docstring and decorators", TEXT),
        lambda result: result.wording.digest,
    ),
    Field(
        "registered",
        described("whether it was registered before it was measured; null where nothing was asked", or_null(REGISTERED)),
        lambda _: None,  # only who has the file can tell
    ),
    Field(
        "family",
        or_null(
            {
                "type": "object",
                "required": ["name", "size"],
                "additionalProperties": False,
                "properties": {"name": TEXT, "size": {"type": "integer", "minimum": 1}},
            }
        ),
        lambda result: (
            None if result.claim.family is None else {"name": result.claim.family, "size": result.claim.family_size}
        ),
        "family",
        _family_in_words,
    ),
    Field(
        "margin",
        described(
            "by how much its numbers may change between revisions; null for the default", {"type": ["number", "null"]}
        ),
        lambda result: result.claim.margin,
    ),
    Field(
        "drift",
        described("what came of comparing it with a baseline; null without one", or_null(defined("drift"))),
        lambda _: None,  # only who has all claims together can tell
    ),
    Field(
        "evidence",
        described(
            "for the verdict that was expected; null where no correction was asked for, and for errors and skips",
            or_null(
                {
                    "type": "object",
                    "required": ["p", "e"],
                    "additionalProperties": False,
                    "properties": {"p": defined("probability"), "e": defined("evalue")},
                }
            ),
        ),
        lambda result: None if result.evidence is None else {"p": float(result.evidence.p), "e": finite(result.evidence.e)},
    ),
    Field(
        "comparisons",
        {"type": "array", "items": defined("comparison")},
        lambda result: [builtins_of(COMPARISON, each) for each in result.comparisons],
    ),
    Field(
        "receipts",
        {"type": "array", "items": defined("receipt")},
        lambda result: [builtins_of(RECEIPT, each) for each in result.receipts],
        "proof",
        proof,
    ),
    Field(
        "measured",
        described(
            "the prompts that its comparisons rest on, and the numbers on each",
            {"type": "array", "items": defined("measured")},
        ),
        lambda result: measured_of(rests_in(result.comparisons)),
    ),
    Field("prompts", defined("count"), lambda result: max((each.decision.n for each in result.comparisons), default=0)),
    Field("forward_passes", defined("count"), lambda result: result.forward_passes),
    Field(
        "work",
        described(
            "how passes were run, counted in prompts: whole, kept (whole, for shorter ones to start from) and shortened, in "
            "how many calls of the model; done of needed are tokens times layers; why_whole counts passes by what kept them "
            "from being shortened",
            {
                "type": "object",
                "required": [*_WORK, "why_whole"],
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(_WORK, defined("count")),
                    "why_whole": {"type": "object", "additionalProperties": defined("count")},
                },
            },
        ),
        lambda result: {**asdict(result.work), "why_whole": dict(result.work.why_whole)},
    ),
    Field(
        "peak_memory",
        described(
            "bytes: the most that the process held while the claim ran, on its GPUs where it computed on one; null where "
            "the system does not say",
            {"type": ["integer", "null"], "minimum": 0},
        ),
        lambda result: result.peak_memory,
    ),
    Field(
        "reused",
        described(
            "values of prompts that were read from the store, of how many that were needed and not in memory yet; since and "
            "until are the days on which they were measured",
            {
                "type": "object",
                "required": ["values", "of", "since", "until"],
                "additionalProperties": False,
                "properties": {
                    "values": defined("count"),
                    "of": defined("count"),
                    "since": TEXT_OR_NULL,
                    "until": TEXT_OR_NULL,
                },
            },
        ),
        lambda result: asdict(result.reused),
    ),
    Field("seconds", {"type": "number", "minimum": 0}, lambda result: float(result.seconds), "cost", _cost),
    Field("reason", TEXT, lambda result: result.reason, "reason", if_any("reason")),
    Field(
        "same_as",
        described("the key of another claim of this run that asks the same; both count once", TEXT_OR_NULL),
        lambda _: None,  # only who has all claims together can tell
        "same as",
        same_as_in_words,
    ),
    Field(
        "digest",
        described("over all that is said of the claim; null before its report is written", TEXT_OR_NULL),
        lambda _: None,
    ),
    Field("node", described("the test's node id", SOME_TEXT), lambda result: result.node),
    Field(
        "pictures",
        described(
            "what the claim showed: the title of each, and the whole of it as SVG",
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["title", "svg"],
                    "additionalProperties": False,
                    "properties": {"title": TEXT, "svg": SOME_TEXT},
                },
            },
        ),
        lambda result: [{"title": each.title, "svg": each.svg.replace("\n", "")} for each in result.pictures],
    ),
    Field("warnings", defined("strings"), lambda result: list(_warnings(result)), "warning", _each_warning),
)
_SAYS_WHY = {
    "if": {"properties": {"verdict": {"enum": ["supported", "refuted"]}}},
    "then": {"properties": {"comparisons": {"minItems": 1}}},
    "else": {"properties": {"reason": {"minLength": 1}}},
}


def definitions() -> dict[str, Any]:
    """The `$defs` of the JSON Schema of whatever holds claims."""
    return {**SHARED, **DEFINITIONS, "claim": {**schema_of(FIELDS), "allOf": [_SAYS_WHY]}}
