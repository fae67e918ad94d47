"""Claims: the decorator, what a claim's test asked, and the verdict that follows."""

from circuitcheck.claims.asserts import asserted_by
from circuitcheck.claims.claim import MARK, Claim, claim
from circuitcheck.claims.correction import CORRECTIONS, Correction, advice
from circuitcheck.claims.recorder import ClaimRecorder
from circuitcheck.claims.result import ClaimResult

__all__ = ["CORRECTIONS", "MARK", "Claim", "ClaimRecorder", "ClaimResult", "Correction", "advice", "asserted_by", "claim"]
