"""What metrics read from logits, by plan type: `read.register` adds a kind."""

from functools import singledispatch

import torch
from torch import Tensor

from circuitcheck.errors import NotComparable
from circuitcheck.plan import Accuracy, Custom, LogitDiff, Metric, Probability
from circuitcheck.prompts import Prompt


@singledispatch
def read(
    metric: Metric,
    logits: Tensor,  # noqa: ARG001 - the signature that every readout has
    prompts: tuple[Prompt, ...],  # noqa: ARG001
) -> Tensor:
    """One float64 number for each prompt from logits [prompt, vocab] at its last token."""
    raise TypeError(f"no readout for {type(metric).__name__}")


@read.register
def _(_metric: LogitDiff, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    wide = logits.double()
    return _pick(wide, [p.answer_id for p in prompts]) - _pick(wide, [p.distractor_id for p in prompts])


@read.register
def _(_metric: Accuracy, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    answers = torch.tensor([prompt.answer_id for prompt in prompts], device=logits.device)
    return (logits.argmax(dim=-1) == answers).double()


@read.register
def _(_metric: Probability, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    return _pick(logits.double().softmax(dim=-1), [prompt.answer_id for prompt in prompts])


@read.register
def _(metric: Custom, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    own = logits.clone()  # the other metrics of this view read the same tensor
    values = torch.as_tensor(metric.function(own, prompts)).double()
    if values.shape != (len(prompts),):
        raise NotComparable(
            f"the metric {metric.name!r} gave shape {tuple(values.shape)} for {len(prompts)} prompts; expected one "
            f"number for each, shape ({len(prompts)},)."
        )
    return values


def _pick(values: Tensor, ids: list[int]) -> Tensor:
    index = torch.tensor(ids, device=values.device)
    return values.gather(1, index[:, None])[:, 0]
