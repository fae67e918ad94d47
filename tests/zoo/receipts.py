"""What a measurement says of its only intervention."""

import circuitcheck as cc
from circuitcheck.prompts import PromptStream


def receipt_of(ioi, view):
    cells = ioi.logit_diff(view).cells
    (receipt,) = cc.current_session().measure(PromptStream(ioi.definition, "test", 0), cells, range(8)).receipts
    return receipt
