"""What the end of a model reads off streams: the final norm, the unembedding, any softcap."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitcheck.engine.torch.loaded.model import LoadedModel
from circuitcheck.engine.torch.loaded.norms import FrozenNorm, frozen, linear_norm
from circuitcheck.engine.torch.readouts.base import Seen
from circuitcheck.engine.torch.readouts.logits import check_pair
from circuitcheck.engine.torch.sites.shapes import AtIndex, PerPrompt
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.places import Site
from circuitcheck.plan import Toward

_ROUNDING = {torch.float64: 1e-6, torch.float32: 1e-5}  # of the size of what is added up; some parts are float32
_COARSE = 0.02  # bfloat16, float16
_NOT_THE_LOGITS = (
    "what the final norm and the unembedding make of the last stream is not the logits that this run gave: they differ by "
    "{missed:.2g}, and rounding makes {allowed:.2g}. {model} does something else between its last block and its logits (a "
    "scale, a projection), so contributions would not add up to them. Measure what an ablation of the part changes instead."
)


def model_of(seen: Seen) -> LoadedModel:
    if seen.loaded is None:
        raise ValueError("the model is missing")
    return seen.loaded


def parameter_of(loaded: LoadedModel) -> Tensor:
    found: Tensor = next(loaded.model.parameters())
    return found


def norm_of(loaded: LoadedModel, norm: Any, values: Tensor) -> FrozenNorm:
    """A norm of the model with the scales of values [value, d_model]."""
    parameter = parameter_of(loaded)
    linear = loaded.once(("norm", norm), lambda: linear_norm(norm, parameter, values.shape[1]))
    return frozen(norm, linear, parameter, values)


def rounding_of(loaded: LoadedModel) -> float:
    """What rounding may make of a sum, relative to the sizes of what is added up."""
    return _ROUNDING.get(parameter_of(loaded).dtype, _COARSE)


@dataclass(frozen=True)
class Directions:
    """Of each prompt the direction [prompt, d_model] in the final norm's output that logits in question are read along, and
    what the unembedding's bias [prompt] adds to them. Of the answer less the distractor both have two logits: `signs`."""

    vectors: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    signs: tuple[float, ...]
    cap: float | None

    @property
    def vector(self) -> Tensor:
        return self._signed(self.vectors)

    @property
    def bias(self) -> Tensor:
        return self._signed(self.biases)

    def logits(self, normed: Tensor) -> PerPrompt:
        """[prompt]: read off what the final norm gives, [prompt, d_model]; after a softcap, where the model has one."""
        cap = self.cap
        read = [(normed * vector).sum(1) + bias for vector, bias in zip(self.vectors, self.biases, strict=True)]
        return self._signed(read if cap is None else [cap * torch.tanh(each / cap) for each in read])

    def _signed(self, parts: Sequence[Tensor]) -> Tensor:
        total: Tensor = torch.stack([sign * part for sign, part in zip(self.signs, parts, strict=True)]).sum(0)
        return total


def directions(toward: Toward, seen: Seen) -> Directions:
    """Raises BadMetric for prompts without a distractor, or a token beyond the vocabulary."""
    model = model_of(seen).model
    found = [sent(words, model.W_U.device) for words in _words(toward, seen)]
    scale, cap = _scale(model.cfg), float(getattr(model.cfg, "output_logits_soft_cap", None) or 0)
    vectors = tuple(scale * model.W_U[:, index].T.double() for index in found)
    biases = tuple(scale * model.b_U[index].double() for index in found)
    return Directions(vectors, biases, (1.0, -1.0)[: len(found)], cap if cap > 0 else None)


def _scale(cfg: Any) -> float:
    """Of all logits, in models that have one (Granite's divides, Cohere's multiplies)."""
    return float(getattr(cfg, "logit_scale", None) or 1) / float(getattr(cfg, "logits_scaling", None) or 1)


def _words(toward: Toward, seen: Seen) -> list[list[int]]:
    if toward.what == "token":
        vocabulary = int(model_of(seen).model.W_U.shape[1])
        if toward.token >= vocabulary:
            raise BadMetric(f"toward={toward.token} is no token: the model has {vocabulary}, from 0 on.")
        return [[toward.token] * len(seen.prompts)]
    if toward.what == "answer":
        return [[prompt.answer_id for prompt in seen.prompts]]
    for prompt in seen.prompts:
        check_pair(prompt)
    return [[prompt.answer_id for prompt in seen.prompts], [prompt.distractor_id for prompt in seen.prompts]]


def final_norm(seen: Seen, stream: AtIndex) -> FrozenNorm:
    """With the scales of a stream [prompt, d_model]. Raises BadMetric where it has no such form."""
    loaded = model_of(seen)
    found = norm_of(loaded, loaded.model.ln_final, stream)
    seen.ask(found.error, partial(_refuse_other_norms, 100 * rounding_of(loaded), str(loaded.card.ref)))
    return found


def _refuse_other_norms(allowed: float, model: str, error: NDArray[np.float64]) -> None:
    if not (error <= allowed).all():
        raise BadMetric(
            f"the final norm of {model} is no LayerNorm or RMSNorm: with its scale given it is not linear, so parts have no "
            f"contributions of their own. Measure what an ablation of the part changes instead."
        )


def check_ends(final: Site, toward: Toward, seen: Seen) -> None:
    """The last stream, read, is the logits that the run gave at END. Raises BadMetric."""
    loaded, ends = model_of(seen), seen.batch.read
    stream = seen.sites[final.kind, final.layer][ends].double()
    norm, along = final_norm(seen, stream), directions(toward, seen)
    normed = norm(stream) + norm.bias
    given = [seen.logits_of(words) for words in _words(toward, seen)]
    expected = given[0] if len(given) == 1 else given[0] - given[1]
    missed = (along.logits(normed) - expected).abs().max()
    size = normed.norm(dim=1).max() * torch.stack([each.norm(dim=1).max() for each in along.vectors]).sum()
    seen.ask(torch.stack([missed, rounding_of(loaded) * size]), partial(_refuse_other_logits, str(loaded.card.ref)))


def _refuse_other_logits(model: str, found: NDArray[np.float64]) -> None:
    missed, allowed = found
    if not missed <= allowed:
        raise BadMetric(_NOT_THE_LOGITS.format(missed=missed, allowed=allowed, model=model))
