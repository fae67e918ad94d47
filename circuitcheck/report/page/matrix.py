"""Claims beside models, where a run has claims on several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from circuitcheck.report.page.views import ClaimView, cut
from circuitcheck.report.repeats import claim_name
from circuitcheck.report.turns import of_several_models, turns_in_words


@dataclass(frozen=True)
class MatrixRow:
    """`cells` are views for each model, None where the claim was not made of it. `turn` says where its verdict first becomes
    another, `turned` is the number of that cell."""

    name: str
    cells: list[ClaimView | None]
    turn: str
    turned: int | None


@dataclass(frozen=True)
class Matrix:
    models: list[str]
    rows: list[MatrixRow]


def matrix_of(views: Sequence[ClaimView], turns: Sequence[dict[str, Any]]) -> Matrix | None:
    """None unless a claim was made of several models, whose order is that in which claims name them."""
    by_claim = of_several_models([view.claim for view in views])
    models = list(dict.fromkeys(claim["param"] for results in by_claim.values() for claim in results))
    view_of = {claim_name(view.claim): view for view in views}
    turn_of = {turn["claim"]: turn for turn in turns}
    rows = [
        _row(name, {claim["param"]: view_of[claim_name(claim)] for claim in results}, models, turn_of.get(name))
        for name, results in by_claim.items()
    ]
    return Matrix(models, rows) if rows else None


def _row(name: str, found: dict[str, ClaimView], models: Sequence[str], turn: dict[str, Any] | None) -> MatrixRow:
    cells = [found.get(model) for model in models]
    if turn is None:
        return MatrixRow(name, cells, "", None)
    (words,) = turns_in_words([turn])
    turned = models.index(turn["model"]) if turn["model"] in models else None
    return MatrixRow(name, cells, cut(words.removeprefix(f"{name}: ")), turned)
