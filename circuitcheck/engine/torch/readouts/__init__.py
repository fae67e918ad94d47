"""What metrics read from a run, mirroring `circuitcheck.plan.metrics`."""

from circuitcheck.engine.torch.readouts import (  # noqa: F401 - each registers its readouts
    attribution,
    features,
    logits,
    together,
    values,
)
from circuitcheck.engine.torch.readouts.base import Seen, finite_or_nan

__all__ = ["Seen", "finite_or_nan"]
