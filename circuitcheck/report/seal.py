"""Digests over what a report says, so that a slip, a cut or an edit shows. Whoever edits a report can make them again: they
prove nothing of who wrote it."""

import hashlib
import json
from typing import Any

Record = dict[str, Any]


def digest_of(content: Any) -> str:
    """32 hexadecimal digits of blake2b over JSON with sorted keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def claim_digest(claim: Record) -> str:
    """Of all that a report says of a claim, but this digest."""
    return digest_of({**claim, "digest": None})


def sealed(report: Record) -> Record:
    """With the digest of each claim, and one of the whole."""
    claims = [{**claim, "digest": claim_digest(claim)} for claim in report["claims"]]
    whole = {**report, "claims": claims}
    return {**whole, "digest": report_digest(whole)}


def report_digest(report: Record) -> str:
    """Of the claims' digests, in their order, and of all else that a report says."""
    return digest_of({**report, "claims": [claim["digest"] for claim in report["claims"]], "digest": None})


def broken_seals(report: Record) -> list[str]:
    """What does not have the digest that it was written with, in words."""
    found = [
        f"{_name(claim)}: this claim is not as it was written: its content has another digest"
        for claim in report["claims"]
        if claim["digest"] != claim_digest(claim)
    ]
    if report["digest"] != report_digest(report):
        found.append(
            "the report is not as it was written: a claim was dropped, added, moved or sealed again, or what stands beside "
            "the claims was edited"
        )
    return found


def _name(claim: Record) -> str:
    return str(claim["id"]) if claim["param"] is None else f"{claim['id']}[{claim['param']}]"
