"""Norms as what they are once the scale of a value is given: a linear map, and a bias. It is read off what a norm makes of
vectors, since libraries keep its weights in more than one form."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearNorm:
    """`weights` and `bias` [d_model] in float64; `centres`: it takes the mean away first."""

    weights: Tensor
    centres: bool
    bias: Tensor

    def unscaled(self, values: Tensor) -> Tensor:
        """[value, d_model]: without the bias, and before each is divided by its scale."""
        return (values - values.mean(dim=1, keepdim=True) if self.centres else values) * self.weights


@dataclass(frozen=True)
class FrozenNorm:
    """A norm with the scales of some values, `inverse` [value]. `error` [value] is how far it is, relative to its size, from
    what the norm itself makes of these values."""

    norm: LinearNorm
    inverse: Tensor
    error: Tensor

    @property
    def bias(self) -> Tensor:
        """[d_model], which is no part's."""
        return self.norm.bias

    def __call__(self, parts: Tensor) -> Tensor:
        """[value, d_model]: what becomes of parts [value, d_model] of the values."""
        return self.norm.unscaled(parts) * self.inverse[:, None]


def frozen(norm: Any, linear: LinearNorm, parameter: Tensor, values: Tensor) -> FrozenNorm:
    """A LayerNorm or RMSNorm, `linear`, with the scales of values [value, d_model] in float64; it works in the dtype
    of `parameter`."""
    with torch.no_grad():
        out = norm(values.to(parameter)[None])[0].double()
    unscaled, made = linear.unscaled(values), out - linear.bias
    inverse = (made * unscaled).sum(1) / unscaled.square().sum(1)  # what fits best: no epsilon need be known
    missed = made - unscaled * inverse[:, None]
    return FrozenNorm(linear, inverse, missed.norm(dim=1) / out.norm(dim=1))


def linear_norm(norm: Any, parameter: Tensor, width: int) -> LinearNorm:
    """Of a LayerNorm or RMSNorm that works in the dtype and on the device of `parameter`, by what it makes of vectors of
    mean 0 and norm 1 a number, and of a vector of ones."""
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(width // 2 + 1)[:width]
    ones = torch.ones(width, dtype=torch.float64)

    def parts(vector: Tensor) -> tuple[Tensor, Tensor]:
        """What it makes of a vector, without its bias; and its bias."""
        with torch.no_grad():
            there, back = (norm(each.to(parameter)[None, None])[0, 0].double() for each in (vector, -vector))
        return (there - back) / 2, (there + back) / 2

    odd, bias = parts(signs)
    weights = odd * signs.to(odd)
    return LinearNorm(weights, bool(parts(ones)[0].norm() < 1e-3 * weights.norm()), bias)


def read_through(norm: Any, parameter: Tensor, directions: Tensor) -> Tensor:
    """[d_model, ...] directions that read a norm's output, as those that read its input, but for the scale of the value."""
    linear = linear_norm(norm, parameter, len(directions))
    scaled = directions * linear.weights.cpu()[:, None]
    return scaled - scaled.mean(dim=0) if linear.centres else scaled
