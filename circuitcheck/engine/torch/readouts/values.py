"""Metrics of what sites hold: attention, norms, activations."""

import torch

from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.sites.access import place_of
from circuitcheck.engine.torch.sites.batch import Batch
from circuitcheck.engine.torch.sites.shapes import AtIndex, PerPrompt, Value
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.places import Position, Site
from circuitcheck.plan import Activation, Attention, Norm


@read.register
def _(metric: Attention, seen: Seen) -> PerPrompt:
    weights = seen.batch.once(("attention", metric.query, metric.key), lambda: _weights(metric, seen.batch))
    pattern = seen.sites["pattern", metric.head.layer][seen.batch.row_of_text, metric.head.head].double()
    return torch.where(weights != 0, weights * pattern, 0).sum(dim=(1, 2))


def _weights(metric: Attention, batch: Batch) -> Value:
    """[prompt, query, key]: what each entry of a pattern counts. Raises BadMetric for keys that come after all queries."""
    weights = torch.zeros(len(batch.prompts), batch.span, batch.width, dtype=torch.float64)
    for number, prompt in enumerate(batch.prompts):
        queries, keys = (batch.columns(prompt, (position,)) for position in (metric.query, metric.key))
        if min(keys) > max(queries):
            raise BadMetric(
                f"{metric.key} is token {min(keys)} of prompt #{prompt.index} and {metric.query} token {max(queries)}: a "
                f"token attends to itself and those before it, so this attention is 0 whatever the model does. Exchange "
                f"query and key, or keep to prompts where the key comes first (task.where). {prompt.text!r}"
            )
        for query in queries:
            weights[number, query - batch.start, keys] = 1 / len(queries)
    return sent(weights, batch.device)


@read.register
def _(metric: Norm, seen: Seen) -> PerPrompt:
    norms: PerPrompt = torch.linalg.vector_norm(_at_place(metric.site, metric.at, seen), dim=1)
    return norms


@read.register
def _(metric: Activation, seen: Seen) -> PerPrompt:
    return _at_place(metric.site, metric.at, seen)[:, 0]


def _at_place(site: Site, at: Position, seen: Seen) -> AtIndex:
    """[prompt, value]: what a site holds at one token of each prompt, in float64."""
    rows, columns = seen.batch.where((at,))
    where = place_of(site, rows, columns)
    found: AtIndex = seen.sites[site.kind, site.layer][where]
    return found.double().flatten(1)
