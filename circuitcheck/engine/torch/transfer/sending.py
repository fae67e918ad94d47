"""Numbers of the host, sent to a device that goes on with its work meanwhile."""

from typing import Any

import torch
from torch import Tensor


def sent(numbers: Any, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor, or numbers that make one, on `device`. To a GPU they go from pinned memory, for which nobody waits."""
    tensor = torch.as_tensor(numbers, dtype=dtype)
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
