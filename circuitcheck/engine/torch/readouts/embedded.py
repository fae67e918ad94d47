"""What the embedding is in the stream: its scale, and whether positions come to it."""

from collections.abc import Callable

import torch

from circuitcheck.engine.torch.readouts.base import Seen
from circuitcheck.engine.torch.readouts.unembedded import model_of
from circuitcheck.engine.torch.sites.shapes import AtIndex
from circuitcheck.errors import BadMetric
from circuitcheck.places import Site


def entered(value: Callable[[Site], AtIndex], seen: Seen) -> AtIndex:
    """[prompt, d_model]: as it enters the first block. Granite's config has a factor, before or after which the library's
    hook point may lie."""
    embedded = value(Site("embed", 0))
    scaled, enters = embedded * _factor(seen), value(Site("resid_pre", 0))
    return torch.where(torch.dist(scaled, enters) < torch.dist(embedded, enters), scaled, embedded)


def has_positions(seen: Seen) -> bool:
    model = model_of(seen).model
    return hasattr(model, "pos_embed") and getattr(model.cfg, "positional_embedding_type", "") == "standard"


def check_positions(seen: Seen) -> None:
    """Raises BadMetric."""
    if not has_positions(seen):
        how = getattr(model_of(seen).model.cfg, "positional_embedding_type", "otherwise")
        raise BadMetric(
            f"{model_of(seen).card.ref} adds no position embedding to the stream (its positions are {how}): leave pos_embed "
            f"out, and the parts still add up."
        )


def _factor(seen: Seen) -> float:
    bare = getattr(model_of(seen).model, "original_model", None)
    return float(getattr(getattr(bare, "config", None), "embedding_multiplier", None) or 1)
