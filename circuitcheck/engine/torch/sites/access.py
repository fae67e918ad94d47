"""How a site is read at the library's hook points, and how a write reaches exactly what it means. Which points and which way
is in the table of kinds, `circuitcheck.places.site_kinds`.

Most sites are one hook point. Two are not: writing `hook_resid_mid` of the 3.9 bridge does not reach `resid_post`, so the
difference is written into what attention adds; and a head's result is computed from its z, its change written into the
output projection's output.

Shapes: q, k, v, z [prompt, pos, head, d_head]; scores, pattern [prompt, head, query, key]; neurons [prompt, pos, d_mlp]; the
others [prompt, pos, d_model]; result, which is no point, [prompt, pos, head, d_model].
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from einops import einsum

from circuitcheck.engine.torch.sites.hooked_model import HookedModel
from circuitcheck.engine.torch.sites.hooks import HookFunction, points_of
from circuitcheck.engine.torch.sites.shapes import HeadResults, HeadValues, Index, Value
from circuitcheck.engine.torch.transfer.sending import sent
from circuitcheck.errors import SiteNotReached
from circuitcheck.places import At, KindName, Site, site_kind
from circuitcheck.places.site_kinds import Written

SiteLayer = tuple[KindName, int]
Hook = tuple[str, HookFunction]
Group = tuple[At, list[int]]  # positions, and heads or neurons

_PROJECTED = ("blocks.{layer}.attn.o.hook_out", "blocks.{layer}.hook_attn_out")  # what the output projection gives


@dataclass(frozen=True)
class Write:
    """`function` turns the value of a whole layer's site into the one that takes its place; see above for shapes. Where it
    needs other sites of the same run, `reads` names them, and their values are in `read` when it is called: as all writes
    there left them."""

    kind: KindName
    layer: int
    function: Callable[[Value], Value]
    reads: tuple[SiteLayer, ...] = ()
    read: dict[SiteLayer, Value] = field(default_factory=dict, compare=False)


def writes_that_put(values: Mapping[SiteLayer, Value]) -> list[Write]:
    """Each value takes the place of what is at its site."""
    return [Write(kind, layer, partial(_instead, new=value)) for (kind, layer), value in values.items()]


def _instead(_old: Value, *, new: Value) -> Value:
    return new


def hooks_that_write(model: HookedModel, writes: Iterable[Write]) -> list[Hook]:
    """Writes as hooks, in causal order, and in the given order where they meet at one site; then what they read. Raises
    SiteNotReached."""
    ordered = sorted(writes, key=lambda write: site_kind(write.kind).order)
    written = [hook for write in ordered for hook in _WAYS[site_kind(write.kind).written](model, write)]
    return written + [hook for write in ordered for hook in hooks_that_read(model, write.reads, write.read)]


def hooks_that_read(model: HookedModel, wanted: Iterable[SiteLayer], kept: dict[SiteLayer, Value]) -> list[Hook]:
    """Hooks that put the value of each wanted site into `kept`. Raises SiteNotReached."""
    return [_hook_that_reads(model, key, kept) for key in sorted(set(wanted))]


def _write_at_its_point(model: HookedModel, write: Write) -> list[Hook]:
    return [(_point(model, write.kind, write.layer), _head_by_head(model, write))]


def _head_by_head(model: HookedModel, write: Write) -> HookFunction:
    """The write's function on values whose heads are those of the card."""
    if not _has_axis_of_heads(write.kind):
        return write.function

    def put(value: Value) -> Value:
        return write.function(_by_heads(model, write.kind, write.layer, value)).reshape(value.shape)

    return put


def _by_heads(model: HookedModel, kind: str, layer: int, value: Value) -> Value:
    """A value [prompt, pos, head, d_head]. Attention with latent keys may cut z into other pieces than heads, in the same
    order.
    Raises SiteNotReached where the axis of heads is another than the model's heads."""
    if not _has_axis_of_heads(kind):
        return value
    count = "n_key_value_heads" if site_kind(kind).index == "key/value head" else "n_heads"
    heads = int(getattr(model.cfg, count, None) or model.cfg.n_heads)
    if kind == "z" and value.shape[2] * value.shape[3] % heads == 0:
        return value.reshape(*value.shape[:2], heads, -1)
    if value.shape[2] != heads:
        why = " (its config says ungroup_grouped_query_attention: set it to False)"
        raise SiteNotReached(
            f"{kind} of layer {layer} has the shape {tuple(value.shape)} here, where [prompt, pos, {heads} heads, d_head] "
            f"was expected{why if getattr(model.cfg, 'ungroup_grouped_query_attention', False) else ''}: its heads would be "
            f"taken for others. Use z, or the pattern."
        )
    return value


def _has_axis_of_heads(kind: KindName) -> bool:
    """Is its point [prompt, pos, head, d_head]?"""
    return site_kind(kind).axes[-1] == "d_head"


def _write_through_attention(model: HookedModel, write: Write) -> list[Hook]:
    entered: list[Value] = []

    def hold(value: Value) -> None:
        entered.append(value)

    def add_change(attn_out: Value) -> Value:
        stream = _held(entered, "resid_mid", write.layer)
        middle = stream + attn_out
        new = write.function(middle)
        added = (new.double() - stream.double()).to(attn_out)  # so that the block's own sum rounds to `new`
        return torch.where(new == middle, attn_out, added)

    _point(model, "resid_mid", write.layer)
    return [(_point(model, "resid_pre", write.layer), hold), (_point(model, "attn_out", write.layer), add_change)]


def _write_through_projection(model: HookedModel, write: Write) -> list[Hook]:
    projected_at = _first(model, _PROJECTED, write.layer)
    if projected_at.endswith("hook_attn_out") and _has_post_norm(model):
        raise SiteNotReached(
            f"a head's result in layer {write.layer} lies before a norm, where a HookedTransformer has no hook point: "
            f"load the model by its name, or write z."
        )
    mixed: list[Value] = []

    def hold(value: Value) -> None:
        mixed.append(value)

    def add_change(projected: Value) -> Value:
        results = _results(model, write.layer, _held(mixed, "result", write.layer))
        return projected + (write.function(results) - results).sum(dim=2)

    return [(_point(model, "z", write.layer), hold), (projected_at, add_change)]


_Way = Callable[[Any, Write], list[Hook]]
_WAYS: dict[Written, _Way] = {
    "at its point": _write_at_its_point,
    "through what attention adds": _write_through_attention,
    "through the output projection": _write_through_projection,
}


def _held(values: list[Value], kind: str, layer: int) -> Value:
    if not values:
        raise SiteNotReached(f"{kind} of layer {layer} cannot be written: what it is put together from came after it.")
    return values.pop()


def _has_post_norm(model: HookedModel) -> bool:
    return bool(getattr(model.cfg, "use_normalization_before_and_after", False))


def _hook_that_reads(model: HookedModel, key: SiteLayer, kept: dict[SiteLayer, Value]) -> Hook:
    kind, layer = key
    as_results = site_kind(kind).written == "through the output projection"

    def keep(value: Value) -> None:
        kept[key] = _results(model, layer, value) if as_results else _by_heads(model, kind, layer, value).detach().clone()

    return _point(model, kind, layer), keep


def _results(model: HookedModel, layer: int, z: HeadValues) -> HeadResults:
    """[prompt, pos, head, d_model] of z [prompt, pos, head, d_head]. Raises SiteNotReached for quantised weights."""
    z = _by_heads(model, "z", layer, z)
    try:
        weights = model.blocks[layer].attn.W_O
    except NotImplementedError as error:
        raise SiteNotReached(f"heads' results in layer {layer} cannot be worked out: {error}") from error
    results: HeadResults = einsum(z, weights.to(z), "prompt pos head d_head, head d_head d_model -> prompt pos head d_model")
    return results


def _point(model: HookedModel, kind: KindName, layer: int) -> str:
    if kind == "mlp_in" and getattr(model.blocks[layer], "mlp_reads_resid_directly", False):
        return f"blocks.{layer}.mlp.hook_in"  # as in OLMo 2, whose second norm comes after the MLP
    return _first(model, site_kind(kind).points, layer)


def _first(model: HookedModel, points: Iterable[str], layer: int) -> str:
    names = [name.format(layer=layer) for name in points]
    for name in names:
        if name in points_of(model):
            return name
    raise SiteNotReached(f"this model has no hook point {names[0]!r}; nothing would be read or written.")


def place(kind: KindName, indices: list[int], rows: Index, columns: Index) -> tuple[Any, ...]:
    """The index of heads or neurons `indices` (none: of all) at some tokens in the value of a layer's site, so that
    `value[place(...)]` has one entry for each token. A token is one of `rows`, its prompt, and one of `columns`."""
    if site_kind(kind).of_queries:
        if not indices:
            return rows, slice(None), columns
        return rows[:, None], sent(indices, rows.device), columns[:, None]
    if not indices:
        return rows, columns
    return rows[:, None], columns[:, None], sent(indices, rows.device)


def place_of(site: Site, rows: Index, columns: Index) -> tuple[Any, ...]:
    """The same of a site: of its own head or neuron, or of all of its layer."""
    return place(site.kind, [] if site.index is None else [site.index], rows, columns)


def of_part(site: Site, value: Value) -> Value:
    """[prompt, pos, ...] of a site's own head or neuron, [prompt, query, key] of scores and patterns; of all of the layer,
    where it names none: as above."""
    if site.index is None:
        return value
    return value.select(1 if site_kind(site.kind).of_queries else 2, site.index)


def by_layer(sites: Iterable[tuple[Site, At]]) -> dict[SiteLayer, list[Group]]:
    """{(site kind, layer): [(positions, heads or neurons), ...]}, the list of heads empty where the whole layer is meant."""
    grouped: dict[SiteLayer, dict[At, list[int]]] = {}
    for site, at in sites:
        indices = grouped.setdefault((site.kind, site.layer), {}).setdefault(at, [])
        if site.index is not None:
            indices.append(site.index)
    return {key: list(groups.items()) for key, groups in grouped.items()}
