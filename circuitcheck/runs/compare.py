"""Two runs of the same claims: what holds, what moved, what broke, and what no longer belongs together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from circuitcheck.errors import BadRecord
from circuitcheck.grounds.read import Measured
from circuitcheck.runs.questions import RANK, Question, question_of
from circuitcheck.runs.reading import Record, claim_key
from circuitcheck.sampling import drifts
from circuitcheck.sampling.drift import APART, BROKE, HOLDS, MOVED, SAME, UNSURE

_NAMES = {SAME: "same", HOLDS: "holds", MOVED: "moved", BROKE: "broke", UNSURE: "cannot_tell", APART: "not_comparable"}
_DECIDED = ("supported", "refuted", "inconclusive")
_SAID = (("text", "its sentence"), ("expected", "what is expected"), ("scope", "its scope"), ("source", "its source"))


@dataclass(frozen=True, eq=False)
class Compared:
    """One claim in both runs. `changes` are those of its own words, `models` the fingerprints."""

    key: str
    key_before: str
    word: str
    reason: str
    verdicts: tuple[str, str]
    questions: tuple[Question, ...]
    changes: tuple[str, ...] = ()
    models: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True, eq=False)
class Comparison:
    """`orphans` are claims that only the earlier run has, `fresh` those that only the later one has."""

    claims: tuple[Compared, ...]
    orphans: tuple[str, ...]
    fresh: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """By the names that --fail knows."""
        found = {name: sum(claim.word == word for claim in self.claims) for word, name in _NAMES.items()}
        errors = sum(claim.verdicts[1] in ("error", "skipped") for claim in self.claims)
        lost = sum(claim.verdicts[0] in _DECIDED and claim.verdicts[1] == "error" for claim in self.claims)
        changed = sum(bool(claim.changes) for claim in self.claims)
        others = {"orphans": len(self.orphans), "new": len(self.fresh), "errors": errors, "lost": lost, "changed": changed}
        return {**found, **others, "claims": len(self.claims)}


def compare_runs(before: Iterable[Record], now: Iterable[Record], models: Mapping[str, str] | None = None) -> Comparison:
    """Of the claims of two runs. `models` says which spec stands in the place of which. Raises BadRecord for what cannot be
    read, or two claims that would be one."""
    earlier: dict[str, Record] = {}
    for claim in before:
        key = claim_key({**claim, "param": (models or {}).get(claim["param"], claim["param"])})
        if key in earlier:
            raise BadRecord(f"two claims of the earlier run would be {key}: name other models.")
        earlier[key] = claim
    later = {claim_key(claim): claim for claim in now}
    both = [key for key in later if key in earlier]
    found = [_compared(key, earlier[key], later[key]) for key in both]
    decided = iter(drifts([pair for claim in found for question in claim.questions for pair in question.pairs]))
    together = tuple(
        _with_word(replace(claim, questions=tuple(each.with_drifts(decided) for each in claim.questions))) for claim in found
    )
    orphans = tuple(claim_key(claim) for key, claim in earlier.items() if key not in later)
    return Comparison(together, orphans, tuple(key for key in later if key not in earlier))


def _compared(key: str, old: Record, new: Record) -> Compared:
    before, now = Measured(old["measured"]), Measured(new["measured"])
    pairs = zip(old["comparisons"], new["comparisons"], strict=False)
    fingerprints = tuple((each["model"] or {}).get("fingerprint") for each in (old, new))
    return Compared(
        key,
        claim_key(old),
        "",
        "",
        (old["verdict"], new["verdict"]),
        tuple(question_of(one, other, before, now, new["margin"]) for one, other in pairs),
        tuple(_changes(old, new)),
        (fingerprints[0], fingerprints[1]),
    )


def _changes(old: Record, new: Record) -> Iterable[str]:
    for name, what in _SAID:
        if old[name] != new[name]:
            yield f"{what} changed: {old[name]} before, {new[name]} now"
    if old["test_digest"] != new["test_digest"]:
        yield "its test function was rewritten"
    if old["comparisons"] and new["comparisons"] and len(old["comparisons"]) != len(new["comparisons"]):
        yield f"it asked {len(old['comparisons'])} questions before, and {len(new['comparisons'])} now"


def _with_word(claim: Compared) -> Compared:
    before, now = claim.verdicts
    for when, verdict in (("before", before), ("now", now)):
        if verdict in ("error", "skipped"):
            return replace(claim, word=UNSURE, reason=f"{when} it is {verdict}")
    if not claim.questions:
        return replace(claim, word=UNSURE, reason="no question was asked in both")
    worst = min(claim.questions, key=lambda each: RANK.index(each.drift.word)).drift
    if {before, now} == {"supported", "refuted"} and worst.word not in (BROKE, APART):
        return replace(claim, word=UNSURE, reason=f"it was {before} and is {now}, and no paired change shows that")
    return replace(claim, word=worst.word, reason=worst.reason)
