"""Metrics of logits: at END, or over the tokens of a whole answer."""

from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.sites.shapes import LogitsRead, PerPrompt
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.plan import Accuracy, CandidateAccuracy, KLFromClean, LogitDiff, LogProb, Loss, Probability, Rank
from circuitcheck.prompts import Prompt


@read.register
def _(_metric: LogitDiff, seen: Seen) -> PerPrompt:
    for prompt in seen.prompts:
        check_pair(prompt)
    return seen.logits_of([p.answer_id for p in seen.prompts]) - seen.logits_of([p.distractor_id for p in seen.prompts])


@read.register
def _(_metric: Accuracy, seen: Seen) -> PerPrompt:
    answers = sent([prompt.answer_id for prompt in seen.prompts], seen.logits.device)
    return (seen.logits.argmax(dim=-1) == answers).double()


@read.register
def _(_metric: Probability, seen: Seen) -> PerPrompt:
    return _pick(seen.logits.double().softmax(dim=-1), [prompt.answer_id for prompt in seen.prompts])


@read.register
def _(_metric: CandidateAccuracy, seen: Seen) -> PerPrompt:
    rivals = [_rivals(prompt) for prompt in seen.prompts]
    most = max(map(len, rivals))
    ids = sent([each + each[:1] * (most - len(each)) for each in rivals], seen.logits.device)
    best = _pick(seen.logits, [prompt.answer_id for prompt in seen.prompts]) > seen.logits.gather(1, ids).amax(dim=1)
    return best.double()


def _rivals(prompt: Prompt) -> list[int]:
    """The first tokens of its candidates but the answer. Raises BadMetric where there are none, or it is among them."""
    found = [ids[0] for ids in prompt.candidate_ids if ids != prompt.answer_ids]
    if prompt.answer_id in found:
        raise BadMetric(
            f"the answer {prompt.answer!r} of prompt #{prompt.index} shares its first token, which is what is compared, "
            f"with another candidate: {prompt.text!r}"
        )
    if not found:
        raise BadMetric(f"prompt #{prompt.index} has no candidate but its answer {prompt.answer!r}: {prompt.text!r}")
    return found


@read.register
def _(_metric: Loss, seen: Seen) -> PerPrompt:
    return -_pick(seen.logits.double().log_softmax(dim=-1), [prompt.answer_id for prompt in seen.prompts])


@read.register
def _(metric: LogProb, seen: Seen) -> PerPrompt:
    wanted = [prompt.answer_ids if metric.of == "answer" else prompt.distractor_ids for prompt in seen.prompts]
    ids = sent(wanted, seen.logits.device)
    return seen.logits.double().log_softmax(dim=-1).gather(2, ids[:, :, None])[:, :, 0].sum(dim=1)


@read.register
def _(_metric: Rank, seen: Seen) -> PerPrompt:
    answers = sent([prompt.answer_id for prompt in seen.prompts], seen.logits.device)
    return 1 + (seen.logits > seen.logits.gather(1, answers[:, None])).sum(dim=1).double()


@read.register
def _(_metric: KLFromClean, seen: Seen) -> PerPrompt:
    if seen.clean is None:
        raise ValueError("the clean run is missing")
    clean, now = (logits.double().log_softmax(dim=-1) for logits in (seen.clean, seen.logits))
    return (clean.exp() * (clean - now)).sum(dim=-1).clamp(min=0)  # rounding can leave it below zero


def check_pair(prompt: Prompt) -> None:
    """Raises BadMetric where answer and distractor cannot be compared on their first tokens."""
    if not prompt.distractor_ids:
        raise BadMetric(f"prompt #{prompt.index} has no distractor, so logit_diff compares nothing: {prompt.text!r}")
    if prompt.answer_id == prompt.distractor_id:
        raise BadMetric(
            f"answer {prompt.answer!r} and distractor {prompt.distractor!r} of prompt #{prompt.index} share their first "
            f"token, which is what logit_diff compares: use log_prob, which reads whole answers. {prompt.text!r}"
        )


def _pick(values: LogitsRead, ids: list[int]) -> PerPrompt:
    return values.gather(1, sent(ids, values.device)[:, None])[:, 0]
