"""What metrics read from a run, by plan type: `read.register` adds a kind of ours, `circuitcheck.ext` one of a user's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from circuitcheck.engine.registry import READOUTS
from circuitcheck.engine.torch.batch import Batch
from circuitcheck.engine.torch.sites import SiteLayer, place
from circuitcheck.errors import BadMetric, NotComparable
from circuitcheck.plan import (
    Accuracy,
    Activation,
    Attention,
    CandidateAccuracy,
    Custom,
    KLFromClean,
    LogitDiff,
    LogProb,
    Loss,
    Metric,
    Norm,
    Position,
    Probability,
    Rank,
    Site,
)
from circuitcheck.prompts import Prompt


@dataclass(frozen=True)
class Seen:
    """What one run of a batch shows to metrics: logits [prompt, vocab] at each END, or [prompt, token, vocab] for
    metrics that read a whole answer; the values of the sites they look at; the logits of the untouched clean run,
    where one compares."""

    logits: Tensor
    batch: Batch
    sites: Mapping[SiteLayer, Tensor]
    clean: Tensor | None = None

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return self.batch.prompts


def finite_or_nan(metric: Metric, seen: Seen) -> Tensor:
    """[prompt]: NaN where a run's logits are no finite numbers, for what such a run says otherwise (a rank of 1, an accuracy
    of 0) means nothing. A model may exclude tokens by -inf."""
    broken = _broken(seen.logits) if seen.clean is None else _broken(seen.logits) | _broken(seen.clean)
    values = read(metric, seen)
    return torch.where(broken, torch.nan, values)


def _broken(logits: Tensor) -> Tensor:
    """[prompt]: is the largest logit of any token that is read NaN or infinite?"""
    return ~logits.amax(dim=-1).reshape(len(logits), -1).isfinite().all(dim=1)


@singledispatch
def read(metric: Metric, seen: Seen) -> Tensor:  # noqa: ARG001 - the signature that every readout has
    """One float64 number for each prompt."""
    name = type(metric).__name__
    raise BadMetric(f"{name} has no readout here: write one, with @circuitcheck.ext.register_readout({name}) above it.")


def _own(kind: type, readout: Callable[..., Any]) -> None:
    """Register a readout of a user's, whose numbers are looked at."""
    read.register(kind)(lambda metric, seen: _checked(metric, seen, readout))


READOUTS.take_over(_own)


@read.register
def _(_metric: LogitDiff, seen: Seen) -> Tensor:
    for prompt in seen.prompts:
        _check_pair(prompt)
    wide = seen.logits.double()
    return _pick(wide, [p.answer_id for p in seen.prompts]) - _pick(wide, [p.distractor_id for p in seen.prompts])


@read.register
def _(_metric: Accuracy, seen: Seen) -> Tensor:
    answers = torch.tensor([prompt.answer_id for prompt in seen.prompts], device=seen.logits.device)
    return (seen.logits.argmax(dim=-1) == answers).double()


@read.register
def _(_metric: Probability, seen: Seen) -> Tensor:
    return _pick(seen.logits.double().softmax(dim=-1), [prompt.answer_id for prompt in seen.prompts])


@read.register
def _(_metric: CandidateAccuracy, seen: Seen) -> Tensor:
    best = []
    for row, prompt in enumerate(seen.prompts):
        rivals = [ids[0] for ids in prompt.candidate_ids if ids != prompt.answer_ids]
        if prompt.answer_id in rivals:
            raise BadMetric(
                f"the answer {prompt.answer!r} of prompt #{prompt.index} shares its first token, which is what is compared, "
                f"with another candidate: {prompt.text!r}"
            )
        others = [seen.logits[row, rival] for rival in rivals]
        if not others:
            raise BadMetric(f"prompt #{prompt.index} has no candidate but its answer {prompt.answer!r}: {prompt.text!r}")
        best.append(bool(seen.logits[row, prompt.answer_id] > torch.stack(others).max()))
    return torch.tensor(best, device=seen.logits.device).double()


@read.register
def _(_metric: Loss, seen: Seen) -> Tensor:
    return -_pick(seen.logits.double().log_softmax(dim=-1), [prompt.answer_id for prompt in seen.prompts])


@read.register
def _(metric: LogProb, seen: Seen) -> Tensor:
    wanted = [prompt.answer_ids if metric.of == "answer" else prompt.distractor_ids for prompt in seen.prompts]
    ids = torch.tensor(wanted, device=seen.logits.device)
    return seen.logits.double().log_softmax(dim=-1).gather(2, ids[:, :, None])[:, :, 0].sum(dim=1)


@read.register
def _(metric: Custom, seen: Seen) -> Tensor:
    return _checked(metric, seen, lambda metric, seen: metric.function(seen.logits, seen.prompts))


def _checked(metric: Metric, seen: Seen, function: Callable[[Any, Seen], Any]) -> Tensor:
    """What a function of a user's gives, which need not be what a metric is. Raises NotComparable, BadMetric."""
    values = _called(function, metric, seen)
    if values.shape != (len(seen.prompts),):
        raise NotComparable(
            f"the metric {metric.name!r} gave shape {tuple(values.shape)} for {len(seen.prompts)} prompts; expected one "
            f"number for each, shape ({len(seen.prompts)},)."
        )
    if seen.prompts[0].index < len(seen.prompts):  # once: in the first block that is measured of a stream
        _require_same(metric, values, _called(function, metric, seen))
    return values


def _require_same(metric: Metric, values: Tensor, again: Tensor) -> None:
    differs = (values != again) & ~(values.isnan() & again.isnan())
    if differs.any():
        place = int(differs.nonzero()[0])
        raise BadMetric(
            f"the metric {metric.name!r} gave {values[place]:g} and then {again[place]:g} for the same logits of the same "
            f"prompt: a number that changes between runs cannot be claimed about. Take out what is random in it, or seed it "
            f"by the prompt."
        )


def _called(function: Callable[[Any, Seen], Any], metric: Metric, seen: Seen) -> Tensor:
    """On copies: the other metrics of this view read the same tensors."""
    clean = None if seen.clean is None else seen.clean.clone()
    sites = {where: value.clone() for where, value in seen.sites.items()}
    own = replace(seen, logits=seen.logits.clone(), sites=sites, clean=clean)
    found = function(metric, own)
    if found is None:
        raise BadMetric(
            f"the metric {metric.name!r} gave nothing; expected one number for each prompt. Does it return them?"
        )
    return torch.as_tensor(found).double().to(seen.logits.device)


@read.register
def _(_metric: Rank, seen: Seen) -> Tensor:
    answers = torch.tensor([prompt.answer_id for prompt in seen.prompts], device=seen.logits.device)
    return 1 + (seen.logits > seen.logits.gather(1, answers[:, None])).sum(dim=1).double()


@read.register
def _(_metric: KLFromClean, seen: Seen) -> Tensor:
    if seen.clean is None:
        raise ValueError("the clean run is missing")
    clean, now = (logits.double().log_softmax(dim=-1) for logits in (seen.clean, seen.logits))
    return (clean.exp() * (clean - now)).sum(dim=-1).clamp(min=0)  # rounding can leave it below zero


@read.register
def _(metric: Attention, seen: Seen) -> Tensor:
    pattern = seen.sites["pattern", metric.head.layer][:, metric.head.head].double()
    found = []
    for row, prompt in enumerate(seen.prompts):
        queries, keys = (seen.batch.columns(prompt, (position,)) for position in (metric.query, metric.key))
        if min(keys) > max(queries):
            raise BadMetric(
                f"{metric.key} is token {min(keys)} of prompt #{prompt.index} and {metric.query} token {max(queries)}: a "
                f"token attends to itself and those before it, so this attention is 0 whatever the model does. Exchange "
                f"query and key, or keep to prompts where the key comes first (task.where). {prompt.text!r}"
            )
        found.append(pattern[row][queries][:, keys].sum(dim=1).mean())
    return torch.stack(found)


@read.register
def _(metric: Norm, seen: Seen) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(_at_place(metric.site, metric.at, seen), dim=1)
    return norms


@read.register
def _(metric: Activation, seen: Seen) -> Tensor:
    return _at_place(metric.site, metric.at, seen)[:, 0]


def _at_place(site: Site, at: Position, seen: Seen) -> Tensor:
    """[prompt, value]: what a site holds at one token of each prompt, in float64."""
    rows, columns = seen.batch.where((at,))
    where = place(site.kind, [] if site.index is None else [site.index], rows, columns)
    found: Tensor = seen.sites[site.kind, site.layer][where]
    return found.double().flatten(1)


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
