"""Direct logit attribution, and the logit lens: what parts of a stream, and whole streams, are to the logits.

Direct logit attribution: Elhage et al. 2021, Wang et al. 2022 (arXiv:2211.00593); the final norm keeps the scale that it has
in this run. Logit lens: nostalgebraist 2020; the norm has the scale of the stream that is read.
"""

from functools import partial

import torch
from torch import Tensor

from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.readouts.projected import projected
from circuitcheck.engine.torch.readouts.unembedded import check_ends, directions, final_norm, model_of, rounding_of
from circuitcheck.engine.torch.sites.shapes import AtIndex, PerPrompt
from circuitcheck.errors import BadMetric
from circuitcheck.places import Position, Site
from circuitcheck.plan import Attribution, Lens, Term


@read.register
def _(metric: Lens, seen: Seen) -> PerPrompt:
    seen.once(("ends", metric.toward), lambda: check_ends(metric.final, metric.toward, seen))
    stream = at(metric.site, metric.at, seen)
    norm = final_norm(seen, stream)
    return directions(metric.toward, seen).logits(norm(stream) + norm.bias)


@read.register
def _(metric: Attribution, seen: Seen) -> PerPrompt:
    seen.once(("ends", metric.toward), lambda: check_ends(metric.final, metric.toward, seen))
    if metric.start is not None:
        seen.once(("added", metric.start, metric.at), lambda: _check_added(metric, seen))
    norm = seen.once(("norm", metric.at), lambda: final_norm(seen, at(metric.final, metric.at, seen)))
    along = seen.once(("along", metric.toward), lambda: directions(metric.toward, seen))
    total = torch.zeros_like(along.bias)
    for part in metric.parts:
        if part.kind == "b_U":
            total = total + (norm.bias * along.vector).sum(1) + along.bias
        else:
            total = total + (norm(_written(part, metric.at, seen)) * along.vector).sum(1)
    return total


def at(site: Site, position: Position, seen: Seen) -> AtIndex:
    """[prompt, ...]: what all of a site's layer holds at one token of each prompt, in float64."""
    rows, columns = seen.batch.where((position,))
    return seen.sites[site.kind, site.layer][rows, columns].double()


def _written(part: Site | Term, position: Position, seen: Seen) -> AtIndex:
    """[prompt, d_model]: what a part is in the stream."""
    value = partial(at, position=position, seen=seen)
    if part.kind == "pos_embed":
        _check_positions(seen)
        return value(Site("resid_pre", 0)) - value(Site("embed", 0))
    if part.kind in ("z", "b_O"):
        way = seen.once(("attention", part.layer, position), lambda: projected("attention", part.layer, value, seen))
    elif part.kind in ("neurons", "b_out"):
        way = seen.once(("MLP", part.layer, position), lambda: projected("MLP", part.layer, value, seen))
    else:
        assert isinstance(part, Site)
        return value(part)
    return way.bias_written() if isinstance(part, Term) else way.written(part.index)


def _check_added(metric: Attribution, seen: Seen) -> None:
    """From `metric.start` on, all is only added. Raises BadMetric."""
    value = partial(at, position=metric.at, seen=seen)
    start = metric.start
    assert start is not None
    entering = Site("resid_pre", 0) if start.kind == "embed" else start
    if start.kind == "embed" and not _has_positions(seen):
        _compare([value(start)], value(entering), "the embedding is not what enters the first block", seen)
    parts = [value(site) for site in (entering, *metric.added)]
    _compare(parts, value(metric.final), f"{entering} and what every later layer adds is not the last stream", seen)


def _compare(parts: list[Tensor], whole: Tensor, wrong: str, seen: Seen) -> None:
    size = sum(float(each.norm(dim=1).max()) for each in parts)
    missed = float((sum(parts) - whole).norm(dim=1).max())
    if not missed <= rounding_of(model_of(seen)) * size:
        raise BadMetric(
            f"in this run {wrong}: they differ by {missed:.2g}, where the parts are {size:.2g} long. Contributions would "
            f"not add up to the logits. Either something writes to the stream in between, or "
            f"{model_of(seen).card.ref} puts its layers together otherwise. Take parts of later layers, or measure what an "
            f"ablation changes instead."
        )


def _has_positions(seen: Seen) -> bool:
    model = model_of(seen).model
    return hasattr(model, "pos_embed") and getattr(model.cfg, "positional_embedding_type", "") == "standard"


def _check_positions(seen: Seen) -> None:
    """Raises BadMetric."""
    if not _has_positions(seen):
        how = getattr(model_of(seen).model.cfg, "positional_embedding_type", "otherwise")
        raise BadMetric(
            f"{model_of(seen).card.ref} adds no position embedding to the stream (its positions are {how}): leave pos_embed "
            f"out, and the parts still add up."
        )
