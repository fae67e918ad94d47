"""What heads bring from where: a head's z is a sum over the tokens that it attends to."""

from functools import partial

import torch

from circuitcheck.engine.torch.readouts.base import Seen
from circuitcheck.engine.torch.readouts.unembedded import model_of, rounding_of
from circuitcheck.engine.torch.sites.shapes import AtIndex
from circuitcheck.engine.torch.transfer.fetching import raise_if_any
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.places import Site
from circuitcheck.plan import Attribution


def values_from(metric: Attribution, heads: Site, seen: Seen) -> AtIndex:
    """[prompt, head x d_head]: the share of z that comes from the tokens `metric.key`: their attention, times their values.
    Raises BadMetric for tokens that come after the one that is read, or heads whose z is no such sum."""
    kept = [_among(metric, number, seen) for number in range(len(seen.prompts))]
    by_key = seen.once(("by key", heads.layer, metric.at), lambda: _by_key(metric, heads.layer, seen))
    z = seen.sites["z", heads.layer][seen.batch.where((metric.at,))].double()
    if heads.index is not None:
        by_key, z = by_key[:, :, heads.index, None], z[:, heads.index, None]
    if by_key.shape[2:] != z.shape[1:]:
        raise _no_sum(heads, str(model_of(seen).card.ref))
    size = by_key.norm(dim=(2, 3)).sum(1).max()
    wrong = (by_key.sum(1) - z).abs().max() > 10 * rounding_of(model_of(seen)) * size
    seen.ask(wrong, partial(raise_if_any, partial(_no_sum, heads, str(model_of(seen).card.ref))))
    return torch.einsum("bkhd,bk->bhd", by_key, sent(kept, by_key.device, by_key.dtype)).flatten(1)


def _by_key(metric: Attribution, layer: int, seen: Seen) -> AtIndex:
    """[prompt, key, head, d_head]"""
    rows, columns = seen.batch.where((metric.at,))
    pattern = seen.sites["pattern", layer][rows, :, columns].double()
    values = seen.sites["v", layer][rows].double()
    if values.shape[1] != pattern.shape[2] or pattern.shape[1] % values.shape[2]:
        raise _no_sum(Site("z", layer), str(model_of(seen).card.ref))
    return torch.einsum("bhk,bkhd->bkhd", pattern, values.repeat_interleave(pattern.shape[1] // values.shape[2], dim=2))


def _no_sum(heads: Site, model: str) -> BadMetric:
    return BadMetric(
        f"{heads} is not the sum of what is attended to times its values in this run: either the view writes to z, or "
        f"{model} does something else in between. Leave key= out."
    )


def _among(metric: Attribution, number: int, seen: Seen) -> list[bool]:
    """[key]: is a token of prompt `number` one of those that are asked for?"""
    prompt, batch = seen.prompts[number], seen.batch
    assert metric.key is not None
    (read,), keys = batch.columns(prompt, (metric.at,)), batch.columns(prompt, metric.key)
    if min(keys) > read:
        where = ", ".join(map(str, metric.key))
        raise BadMetric(
            f"{where} is token {min(keys)} of prompt #{prompt.index} and {metric.at} token {read}: nothing is brought from "
            f"a token that comes later. Name an earlier one, or keep to prompts where it is (task.where). {prompt.text!r}"
        )
    return [key in keys for key in range(batch.span)]
