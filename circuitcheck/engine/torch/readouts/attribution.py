"""Direct logit attribution, and the logit lens: what parts of a stream, and whole streams, are to the logits.

Direct logit attribution: Elhage et al. 2021, Wang et al. 2022 (arXiv:2211.00593); the final norm keeps the scale that it has
in this run. Logit lens: nostalgebraist 2020; the norm has the scale of the stream that is read.
"""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitcheck.engine.torch.dictionaries.slices import rows_of_site
from circuitcheck.engine.torch.readouts.base import Seen, read
from circuitcheck.engine.torch.readouts.embedded import check_positions, entered, has_positions
from circuitcheck.engine.torch.readouts.projected import Layer, Projected, projected
from circuitcheck.engine.torch.readouts.sources import values_from
from circuitcheck.engine.torch.readouts.unembedded import check_ends, directions, final_norm, model_of, rounding_of
from circuitcheck.engine.torch.sites.shapes import AtIndex, PerPrompt
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import BadMetric
from circuitcheck.places import Position, Site
from circuitcheck.plan import Attribution, Features, Lens, Term
from circuitcheck.plan.metrics.attribution import Part

_PROJECTED: dict[str, Layer] = {"z": "attention", "b_O": "attention", "neurons": "MLP", "b_out": "MLP"}


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
        if part == Term("b_U"):
            total = total + (norm.bias * along.vector).sum(1) + along.bias
        else:
            total = total + (norm(_written(part, metric, seen)) * along.vector).sum(1)
    return total


def at(site: Site, position: Position, seen: Seen) -> AtIndex:
    """[prompt, ...]: what all of a site's layer holds at one token of each prompt, in float64."""
    rows, columns = seen.batch.where((position,))
    return seen.sites[site.kind, site.layer][rows, columns].double()


def _written(part: Part, metric: Attribution, seen: Seen) -> AtIndex:
    """[prompt, d_model]: what a part is in the stream."""
    position, value = metric.at, partial(at, position=metric.at, seen=seen)
    if isinstance(part, Features):
        return _written_by_features(part, position, seen)
    if part.kind == "pos_embed":
        check_positions(seen)
        return value(Site("resid_pre", 0)) - value(Site("embed", 0))
    if part.kind == "embed":
        return entered(value, seen)
    if part.kind in _PROJECTED:
        way = _way(part.layer, _PROJECTED[part.kind], position, seen)
        if isinstance(part, Term):
            return way.bias_written()
        return way.written(part.index) if metric.key is None else way.through(values_from(metric, part, seen), part.index)
    assert isinstance(part, Site)
    return value(part)


def _way(layer: int, kind: Layer, position: Position, seen: Seen) -> Projected:
    value = partial(at, position=position, seen=seen)
    return seen.once((kind, layer, position), lambda: projected(kind, layer, value, seen))


def _written_by_features(part: Features, position: Position, seen: Seen) -> AtIndex:
    """[prompt, d_model]: what the dictionary gives less what it gives without them, where they join the stream."""
    ref = part.dictionary
    dictionary = seen.dictionary(ref)
    values = rows_of_site(ref.reads, seen.sites[ref.reads.kind, ref.reads.layer], *seen.batch.where((position,)))
    active = dictionary.encode(values)
    without = active.clone()
    without[:, sent(part.numbers, active.device)] = 0
    written = dictionary.change(without, active, values, part.numbers).double()
    if ref.writes.kind not in _PROJECTED:
        return written
    return _way(ref.writes.layer, _PROJECTED[ref.writes.kind], position, seen).through(written, ref.writes.index)


def _check_added(metric: Attribution, seen: Seen) -> None:
    """From `metric.start` on, all is only added. Raises BadMetric."""
    value = partial(at, position=metric.at, seen=seen)
    start = metric.start
    assert start is not None
    entering = Site("resid_pre", 0) if start.kind == "embed" else start
    if start.kind == "embed" and not has_positions(seen):
        _compare([entered(value, seen)], value(entering), "the embedding is not what enters the first block", seen)
    parts = [value(site) for site in (entering, *metric.added)]
    _compare(parts, value(metric.final), f"{entering} and what every later layer adds is not the last stream", seen)


def _compare(parts: list[Tensor], whole: Tensor, wrong: str, seen: Seen) -> None:
    size = torch.stack([each.norm(dim=1).max() for each in parts]).sum()
    missed = torch.stack([*parts, -whole]).sum(dim=0).norm(dim=1).max()
    loaded = model_of(seen)
    seen.ask(torch.stack([missed, size]), partial(_refuse_other_sums, wrong, rounding_of(loaded), str(loaded.card.ref)))


def _refuse_other_sums(wrong: str, rounding: float, model: str, found: NDArray[np.float64]) -> None:
    missed, size = found
    if not missed <= rounding * size:
        raise BadMetric(
            f"in this run {wrong}: they differ by {missed:.2g}, where the parts are {size:.2g} long. Contributions would "
            f"not add up to the logits. Either something writes to the stream in between, or {model} puts its layers "
            f"together otherwise. Take parts of later layers, or measure what an ablation changes instead."
        )
