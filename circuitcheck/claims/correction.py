"""Many claims in one run: which of them would stand together. Advice only; a verdict never depends on its neighbours."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitcheck.settings import Correction
from circuitcheck.stats import benjamini_hochberg, e_bh, holm

_ADJUST: dict[str, Callable[[list[float]], NDArray[np.float64]]] = {"holm": holm, "bh": benjamini_hochberg}
_PROMISES = {
    "holm": "the chance that any of those that stand is wrong",
    "bh": "the expected share of wrong ones among those that stand, for independent claims",
    "e-bh": "the expected share of wrong ones among those that stand, whatever they share and whenever they stopped",
}


def advice(claims: Sequence[dict[str, Any]], method: Correction, alpha: float) -> dict[str, Any] | None:
    """What `method` at level `alpha` says of all claims that came to a question, as builtins for reports; None for "none".

    A claim that did not come out as expected counts, with no evidence for it; one that asks the same as another does not.
    """
    if method == "none":
        return None
    asked = [claim for claim in claims if claim["evidence"] is not None and claim["same_as"] is None]
    adjusted: list[float] | list[None] = [None] * len(asked)
    if method == "e-bh":
        stands = e_bh([_e(claim) for claim in asked], alpha).tolist()
    else:
        values: list[float] = _ADJUST[method]([claim["evidence"]["p"] for claim in asked]).tolist()
        adjusted, stands = values, [value <= alpha for value in values]
    return {
        "method": method,
        "alpha": round(float(alpha), 12),
        "controls": _PROMISES[method],
        "claims": [
            {"id": claim["id"], "param": claim["param"], **claim["evidence"], "adjusted": value, "stands": bool(stand)}
            for claim, value, stand in zip(asked, adjusted, stands, strict=True)
        ],
    }


def _e(claim: dict[str, Any]) -> float:
    value = claim["evidence"]["e"]  # null stands for infinity: an exact value
    return math.inf if value is None else float(value)
