"""How well the dictionaries of a quantity fit the values that they stand for."""

import math

from circuitcheck.engine.protocol import Reconstructed
from circuitcheck.plan import DictionaryRef, ModelRef
from circuitcheck.prompts import PromptStream
from circuitcheck.prompts.masks import MaskedSource
from circuitcheck.quantities.expressions.expression import Expression
from circuitcheck.session import current_session

_LOOKED_AT = 64  # prompts of the discovery stream, all of their tokens
_POOR = 0.5  # of the variance


def to_look_up(where: PromptStream) -> PromptStream:
    """The discovery stream of a task; of a filtered one that of the whole task, for its mask may be of the claim's own
    stream alone."""
    looks = where.other("discovery")
    if isinstance(looks.task, MaskedSource):
        return PromptStream(looks.task.base, "discovery", looks.seed, chosen=True)
    return looks


def explained(found: Reconstructed) -> float:
    """The share of the variance that a reconstruction explains: 1 - sum of squared errors / sum of squared distances from
    the mean. NaN where all values are the same."""
    total = found.variance.sum()
    return float(1 - found.error.sum() / total) if total > 0 else math.nan


def poor_fits(quantity: Expression) -> tuple[str, ...]:
    """Warnings of dictionaries that miss most of what is at their site, on the task of a quantity."""
    used = {(cell.view.model, ref) for cell in quantity.cells for ref in cell.dictionaries if ref.decoder_seed is None}
    texts = (_warning(quantity.prompts, model, ref) for model, ref in sorted(used, key=str))
    return tuple(text for text in texts if text)


def _warning(where: PromptStream, model: ModelRef, ref: DictionaryRef) -> str:
    session, looks = current_session(), to_look_up(where)
    rows = range(min(_LOOKED_AT, session.population(looks, [model])))
    if not rows:
        return ""
    found = session.reconstruct(looks, model, ref, None, rows)
    share = explained(found)
    if not share < _POOR:
        return ""
    return (
        f"{ref} explains {share:.0%} of the variance of {ref.writes} ({len(rows)} prompts of the discovery stream; "
        f"{found.active.sum() / found.tokens.sum():.1f} features active at a token): most of it is in its error term"
    )
