"""Claims: the decorator, what a claim's test asked, and the verdict that follows."""

from circuitcheck.claims.asserts import asserted_by
from circuitcheck.claims.claim import MARK, Claim, NamedDictionary, claim
from circuitcheck.claims.claimed_models import AnyModel, any_model
from circuitcheck.claims.correction import advice
from circuitcheck.claims.recorder import ClaimRecorder
from circuitcheck.claims.result import ClaimResult
from circuitcheck.claims.wording import Wording, wording_of

__all__ = [
    "MARK",
    "AnyModel",
    "Claim",
    "ClaimRecorder",
    "ClaimResult",
    "NamedDictionary",
    "Wording",
    "advice",
    "any_model",
    "asserted_by",
    "claim",
    "wording_of",
]
