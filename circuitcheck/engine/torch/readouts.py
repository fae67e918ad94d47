"""What metrics read from logits, by plan type: `read.register` adds a kind."""

from functools import singledispatch

import torch
from torch import Tensor

from circuitcheck.errors import BadMetric, NotComparable
from circuitcheck.plan import Accuracy, CandidateAccuracy, Custom, LogitDiff, LogProb, Loss, Metric, Probability
from circuitcheck.prompts import Prompt


@singledispatch
def read(
    metric: Metric,
    logits: Tensor,  # noqa: ARG001 - the signature that every readout has
    prompts: tuple[Prompt, ...],  # noqa: ARG001
) -> Tensor:
    """One float64 number for each prompt from logits [prompt, vocab] at its END, or, for metrics that read a whole answer,
    from the logits [prompt, token, vocab] that predict each of its tokens."""
    raise TypeError(f"no readout for {type(metric).__name__}")


@read.register
def _(_metric: LogitDiff, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    for prompt in prompts:
        _check_pair(prompt)
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
def _(_metric: CandidateAccuracy, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    best = []
    for row, prompt in enumerate(prompts):
        rivals = [ids[0] for ids in prompt.candidate_ids if ids != prompt.answer_ids]
        if prompt.answer_id in rivals:
            raise BadMetric(
                f"the answer {prompt.answer!r} of prompt #{prompt.index} shares its first token, which is what is compared, "
                f"with another candidate: {prompt.text!r}"
            )
        others = [logits[row, rival] for rival in rivals]
        if not others:
            raise BadMetric(f"prompt #{prompt.index} has no candidate but its answer {prompt.answer!r}: {prompt.text!r}")
        best.append(bool(logits[row, prompt.answer_id] > torch.stack(others).max()))
    return torch.tensor(best, device=logits.device).double()


@read.register
def _(_metric: Loss, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    return -_pick(logits.double().log_softmax(dim=-1), [prompt.answer_id for prompt in prompts])


@read.register
def _(metric: LogProb, logits: Tensor, prompts: tuple[Prompt, ...]) -> Tensor:
    wanted = [prompt.answer_ids if metric.of == "answer" else prompt.distractor_ids for prompt in prompts]
    ids = torch.tensor(wanted, device=logits.device)
    return logits.double().log_softmax(dim=-1).gather(2, ids[:, :, None])[:, :, 0].sum(dim=1)


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


def _check_pair(prompt: Prompt) -> None:
    """Raises BadMetric where answer and distractor cannot be compared on their first tokens."""
    if not prompt.distractor_ids:
        raise BadMetric(f"prompt #{prompt.index} has no distractor, so logit_diff compares nothing: {prompt.text!r}")
    if prompt.answer_id == prompt.distractor_id:
        raise BadMetric(
            f"answer {prompt.answer!r} and distractor {prompt.distractor!r} of prompt #{prompt.index} share their first "
            f"token, which is what logit_diff compares: use log_prob, which reads whole answers. {prompt.text!r}"
        )


def _pick(values: Tensor, ids: list[int]) -> Tensor:
    index = torch.tensor(ids, device=values.device)
    return values.gather(1, index[:, None])[:, 0]
