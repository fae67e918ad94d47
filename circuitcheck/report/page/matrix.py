"""Claims beside models, where a run has claims on several."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from circuitcheck.report.page.views import ClaimView


@dataclass(frozen=True)
class Matrix:
    """`rows` are (claim, a view for each model, None where the claim was not made of it)."""

    models: list[str]
    rows: list[tuple[str, list[ClaimView | None]]]


def matrix_of(views: Sequence[ClaimView]) -> Matrix | None:
    """None unless a claim was made of several models."""
    found: dict[str, dict[str, ClaimView]] = defaultdict(dict)
    for view in views:
        if view.claim["param"] is not None:
            found[view.claim["id"]][view.claim["param"]] = view
    several = {name: cells for name, cells in found.items() if len(cells) > 1}
    models = list(dict.fromkeys(model for cells in several.values() for model in cells))
    if not several:
        return None
    return Matrix(models, [(name, [cells.get(model) for model in models]) for name, cells in several.items()])
