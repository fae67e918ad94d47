"""What interventions do to tensors, a module for each kind, mirroring `circuitcheck.plan.interventions`."""

from circuitcheck.engine.torch.kernels import ablate_and_patch, features, knock_out, path, steer  # noqa: F401 - each registers its own
from circuitcheck.engine.torch.kernels.base import Sources, writes_of

__all__ = ["Sources", "writes_of"]
