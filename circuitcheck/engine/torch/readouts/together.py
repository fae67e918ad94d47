"""Metrics that are 1 or 0: several at once, and what a corpus says of a token."""

import torch

from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.sites.shapes import PerPrompt
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.plan import Both, Marked

YES = "yes"


@read.register
def _(metric: Both, seen: Seen) -> PerPrompt:
    return torch.stack([read(each, seen) for each in metric.metrics]).prod(dim=0)


@read.register
def _(metric: Marked, seen: Seen) -> PerPrompt:
    found = [prompt.slots.get(metric.mark) for prompt in seen.prompts]
    if None in found:
        raise BadMetric(
            f"these prompts have no mark {metric.mark!r}: a corpus gives them, cc.corpus(..., marks={{{metric.mark!r}: "
            f"cc.after('!\"')}})."
        )
    return sent([each == YES for each in found], seen.logits.device, torch.float64)
