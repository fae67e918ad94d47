"""The weights of a norm, read off what it makes of vectors: libraries keep them in more than one form."""

from typing import Any

import torch
from torch import Tensor


def norm_weights(norm: Any, parameter: Tensor, width: int) -> tuple[Tensor, bool]:
    """([d_model] weights in float64, whether it centres), of a LayerNorm or RMSNorm that works in the dtype and on the
    device of `parameter`: what it makes of vectors of mean 0 and norm 1 a number, and of a vector of ones."""
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(width // 2 + 1)[:width]
    ones = torch.ones(width, dtype=torch.float64)

    def odd(vector: Tensor) -> Tensor:
        """What it makes of a vector, without its bias."""
        with torch.no_grad():
            there, back = (norm(each.to(parameter)[None, None])[0, 0].double().cpu() for each in (vector, -vector))
        found: Tensor = (there - back) / 2
        return found

    weights = odd(signs) * signs
    return weights, bool(odd(ones).norm() < 1e-3 * weights.norm())


def read_through(norm: Any, parameter: Tensor, directions: Tensor) -> Tensor:
    """[d_model, ...] directions that read a norm's output, as those that read its input, but for the scale of the value."""
    weights, centres = norm_weights(norm, parameter, len(directions))
    scaled = directions * weights[:, None]
    return scaled - scaled.mean(dim=0) if centres else scaled
