"""What tells a site from its neighbours: which heads and tokens a write reaches, and on what side of a rotation or a
nonlinearity it is. Patched whole, a query does what a key does, and neurons what the MLP's input does."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from circuitcheck.engine.checkup import Finding, passed
from circuitcheck.engine.torch.doctor.examined import POSITION, ExaminedModel, at_one_token, worst
from circuitcheck.engine.torch.doctor.weights import heads_by_weights, neurons_by_weights
from circuitcheck.engine.torch.sites.access import SiteLayer, Write, hooks_that_write
from circuitcheck.engine.torch.sites.shapes import Value
from circuitcheck.errors import SiteNotReached
from circuitcheck.places import KindName, SiteKind, site_kind
from circuitcheck.places.site_kinds import Trait


def check_traits(examined: ExaminedModel, kind: SiteKind, layers: list[int]) -> Iterator[Finding]:
    """The checks that are about this kind of site. Raises SiteNotReached."""
    for trait in kind.traits:
        yield worst([_CHECKS[trait](examined, kind.name, layer) for layer in (layers if trait in _IN_EACH_LAYER else [0])])


def _reaches_its_own_heads(examined: ExaminedModel, kind: KindName, layer: int) -> Finding:
    """Another query changes its own head's pattern, another key or value that of the heads that share it, and no other's."""
    read_by = site_kind(kind).seen_in
    axis = 1 if site_kind(read_by).of_queries else 2
    where: SiteLayer = (read_by, layer)
    ours, theirs = examined.our(where), examined.their((kind, layer))
    group = ours.shape[axis] // theirs.shape[2]
    wrong = []
    for head in range(theirs.shape[2]):
        found = examined.read(where, [Write(kind, layer, partial(_with_head, theirs=theirs, head=head))])
        moved = (found - ours).abs().amax(dim=[each for each in range(ours.dim()) if each != axis])
        readers = set(range(head * group, (head + 1) * group))
        if not moved.any():
            continue  # a head that was pruned; of one that is deaf the effect of a patch tells
        if not _above(moved, examined.tolerance * float(moved.max())) <= readers <= _above(moved, 0.0):
            wrong.append(f"L{layer}H{head}")
    return Finding(kind, "a write to one head reaches those that read it alone", passed(not wrong), detail=", ".join(wrong))


def _above(moved: Tensor, threshold: float) -> set[int]:
    return set(torch.nonzero(moved > threshold).flatten().tolist())


def _with_head(old: Value, *, theirs: Value, head: int) -> Value:
    new = old.clone()
    new[:, :, head] = theirs[:, :, head].to(old)
    return new


def _acts_at_its_own_tokens(examined: ExaminedModel, kind: KindName, layer: int) -> Finding:
    """Else a key could pass for a query: patched together they have the same effect."""
    where: SiteLayer = ("pattern", layer)
    moved = (examined.read(where, [at_one_token(examined, kind, layer)]) - examined.our(where)).abs().amax(dim=(0, 1, 3))
    later, effect = float(moved[POSITION + 1 :].max()), float(moved.max())
    check = "a query acts where its own token looks, alone" if kind == "q" else "a key acts where later tokens look too"
    if effect == 0 and examined.alike(where):
        return Finding(kind, check, "passed", detail=f"layer {layer} always looks the same way")
    if kind == "q":
        return examined.nothing(kind, check, later, effect)
    return Finding(kind, check, passed(later > 0))


def _knows_no_position(examined: ExaminedModel, kind: KindName, _layer: int) -> Finding:
    """Where a token stands comes in after `embed`: with the stream that enters layer 0, or with the rotation of q and k."""
    check = "it knows no positions where nothing before it does"
    reads: list[SiteLayer] = [(kind, 0)]
    if kind != "embed":
        reads.append(("resid_pre", 0))
    turned = [examined.read_turned(where).flip(1) for where in reads]
    found = [
        examined.compare(kind, check, value, examined.our(where), examined.our(where).flip(1))
        for value, where in zip(turned, reads, strict=True)
    ]
    if found[-1].status == "failed" and kind != "embed":
        return Finding(kind, check, "passed", detail="the stream that enters layer 0 knows them")
    return found[0]


def _is_multiplied_by_weights(examined: ExaminedModel, kind: KindName, layer: int) -> Finding:
    """Half-way between two values is half-way between their outputs, which holds of nothing before the nonlinearity."""
    point, check = f"blocks.{layer}.mlp.hook_out", "the MLP's output is linear in it"
    where: SiteLayer = (kind, layer)
    ours, theirs = examined.our(where), examined.their(where)

    def output(value: Value) -> Value:
        return examined.read_point(point, hooks_that_write(examined.model, [Write(kind, layer, value.to)]), layer)

    try:
        ends = output(ours), output(theirs)
    except SiteNotReached as error:
        return Finding(kind, check, "noted", detail=str(error))
    return examined.compare(kind, check, output((ours + theirs) / 2), (ends[0] + ends[1]) / 2, ends[0])


Check = Callable[[ExaminedModel, KindName, int], Finding]
_CHECKS: dict[Trait, Check] = {
    "it reaches its own heads alone": _reaches_its_own_heads,
    "it acts at its own tokens": _acts_at_its_own_tokens,
    "the MLP's output is linear in it": _is_multiplied_by_weights,
    "its head is the one of the weights": heads_by_weights,
    "its neuron is the one of the weights": neurons_by_weights,
    "it knows no positions": _knows_no_position,
}
_IN_EACH_LAYER = set(_CHECKS) - {"it knows no positions"}
