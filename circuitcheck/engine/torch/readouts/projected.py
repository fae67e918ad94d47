"""What heads and neurons are in the stream: through an output projection, and through the norm that follows it in some
models (Gemma 2 and 3, OLMo 2), with the scale that it has in this run, or times a factor (Granite)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loaded.norms import FrozenNorm
from circuitcheck.engine.torch.readouts.base import Seen
from circuitcheck.engine.torch.readouts.unembedded import model_of, norm_of, rounding_of
from circuitcheck.engine.torch.sites.shapes import AtIndex
from circuitcheck.engine.torch.transfer.fetching import raise_if_any
from circuitcheck.errors import BadMetric
from circuitcheck.places import Site

Layer = Literal["attention", "MLP"]
Onward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Names:
    inputs: str  # the kinds of site
    output: str
    module: str
    weights: str
    bias: str
    norms: tuple[str, ...]  # modules that may come between
    bias_part: str


_NAMES: dict[Layer, _Names] = {
    "attention": _Names("z", "attn_out", "attn", "W_O", "b_O", ("ln1_post", "ln1"), "b_O"),
    "MLP": _Names("neurons", "mlp_out", "mlp", "W_out", "b_out", ("ln2_post", "ln2"), "b_out"),
}


@dataclass(frozen=True)
class Projected:
    """`inputs` [prompt, part, width] of heads, [prompt, part, 1] of neurons; `weights` [part, width, d_model]; `bias`
    [d_model]; `onward` is what becomes of parts [prompt, d_model] of their sum."""

    inputs: Tensor
    weights: Tensor
    bias: Tensor
    onward: Onward

    def written(self, part: int | None) -> AtIndex:
        """[prompt, d_model]: of one head or neuron, or of all together, without the bias."""
        return self.through(self.inputs[:, _which(part)], part)

    def through(self, inputs: Tensor, part: int | None) -> AtIndex:
        """[prompt, d_model]: of other inputs [prompt, width] of one head or neuron, or of all, side by side."""
        weights = self.weights[_which(part)].double()
        return self.onward(torch.einsum("bpw,pwd->bd", inputs.reshape(len(inputs), *weights.shape[:2]), weights))

    def bias_written(self) -> AtIndex:
        return self.onward(self.bias.expand(len(self.inputs), -1))


def _which(part: int | None) -> slice:
    return slice(None) if part is None else slice(part, part + 1)


def projected(layer_kind: Layer, layer: int, value: Callable[[Site], AtIndex], seen: Seen) -> Projected:
    """`value` gives what a site holds. Raises BadMetric where all parts together are not what the layer adds."""
    names, block = _NAMES[layer_kind], model_of(seen).model.blocks[layer]
    weights, bias = _weights(block, names, layer, seen)
    inputs = value(Site(names.inputs, layer))
    if inputs.dim() == 2:
        inputs, weights = inputs[:, :, None], weights[:, None]
    plain = Projected(inputs, weights, bias, lambda parts: parts)
    total, out = plain.written(None) + bias, value(Site(names.output, layer))
    return Projected(inputs, weights, bias, _onward(total, out, block, names, layer, seen))


def _weights(block: Any, names: _Names, layer: int, seen: Seen) -> tuple[Tensor, Tensor]:
    """Raises BadMetric for a layer that has no such projection."""
    module = getattr(block, names.module, None)
    try:
        weights = getattr(module, names.weights).detach()
        bias = getattr(module, names.bias, None)
    except (AttributeError, NotImplementedError) as error:
        raise BadMetric(
            f"layer {layer} of {model_of(seen).card.ref} has no one output projection {names.weights} (experts, quantised "
            f"weights): what a part of it writes cannot be told. Use L{layer}.{names.module}, the whole layer."
        ) from error
    nothing = torch.zeros(weights.shape[-1], device=weights.device)
    return weights, (nothing if bias is None else bias.detach()).double()


def _onward(total: Tensor, out: Tensor, block: Any, names: _Names, layer: int, seen: Seen) -> Onward:
    """How parts of `total`, which the output projection gave, come to be parts of `out`, which is added to the stream. What
    comes between is found out in the first run of a model; in later ones it is checked."""
    loaded = model_of(seen)
    refused = partial(_no_sum, names, layer, str(loaded.card.ref))
    between = loaded.once(("between", names.module, layer), lambda: _what_fits(total, out, block, names, loaded, refused))
    onward = _through(between, total, block, loaded)
    seen.ask(_misses(onward, total, out, loaded), partial(raise_if_any, refused))
    return onward


def _what_fits(
    total: Tensor, out: Tensor, block: Any, names: _Names, loaded: LoadedModel, refused: Callable[[], BadMetric]
) -> str:
    """The name of the norm that comes between, "" where none does. Raises what `refused` makes where neither is so."""
    for name in ("", *(each for each in names.norms if getattr(block, each, None) is not None)):
        onward = _through(name, total, block, loaded)
        biased = isinstance(onward, FrozenNorm) and bool(onward.bias.any())
        if not _misses(onward, total, out, loaded) and not biased:
            return name
    raise refused()


def _through(name: str, total: Tensor, block: Any, loaded: LoadedModel) -> Onward:
    if name:
        return norm_of(loaded, getattr(block, name), total)
    factor = float(getattr(loaded.model.cfg, "residual_multiplier", None) or 1)  # of what Granite's layers add
    return lambda parts: factor * parts


def _misses(onward: Onward, total: Tensor, out: Tensor, loaded: LoadedModel) -> Tensor:
    allowed = 10 * rounding_of(loaded) * torch.maximum(total.norm(dim=1), out.norm(dim=1)).max()
    fits: Tensor = (onward(total) - out).norm(dim=1).max() <= allowed
    return ~fits


def _no_sum(names: _Names, layer: int, model: str) -> BadMetric:
    what = "heads" if names.module == "attn" else "neurons"
    return BadMetric(
        f"the {what} of layer {layer} do not add up to what L{layer}.{names.module} adds to the stream in this run: either "
        f"the view replaces {names.output} itself, so that no {what[:-1]} reaches the stream, or {model} does something "
        f"else with them. Use L{layer}.{names.module}, the whole layer."
    )
