"""Does each site mean what it says? A write must bring about what the site's definition demands, and nothing before it."""

from collections.abc import Iterator

from torch import Tensor

from circuitcheck.engine.checkup import Finding
from circuitcheck.engine.torch.doctor.examined import BREAKDOWNS, POSITION, ExaminedModel, at_one_token, refusal, worst
from circuitcheck.engine.torch.doctor.traits import check_traits
from circuitcheck.engine.torch.sites.access import SiteLayer, Write
from circuitcheck.errors import SiteNotReached
from circuitcheck.places import SITE_KINDS, KindName, SiteKind
from circuitcheck.places.site_kinds import Rule

_ALL: Rule = "is all that later layers know"
_CHANGES = "a patch has the effect that its definition demands"
_NOTHING = "written back in every layer it changes nothing"


def check_sites(examined: ExaminedModel) -> Iterator[Finding]:
    """Every kind of site, one after the other."""
    for kind in SITE_KINDS.values():
        try:
            found = list(_check_kind(examined, kind))
        except BREAKDOWNS as error:
            found = [refusal(kind.name, "is there", error)]
        yield from found


def _check_kind(examined: ExaminedModel, kind: SiteKind) -> Iterator[Finding]:
    """Raises SiteNotReached where the model has no such place."""
    if kind.not_in_parallel_blocks and examined.parallel:
        raise SiteNotReached(f"{kind.not_in_parallel_blocks}. {kind.instead}")
    layers = [0] if kind.first_layer_only else examined.layers
    runs = examined.side_by_side(_runs_of(examined, kind, layers))
    nothing = examined.compare(kind.name, _NOTHING, *next(runs), examined.their_logits)
    later_alone = worst([_reaches_no_earlier_token(examined, kind, layer, *next(runs)) for layer in layers])
    if kind.rule == _ALL:
        follows = [examined.compare(kind.name, _CHANGES, run, examined.their_logits, usual) for run, usual in runs]
    else:
        follows = [examined.compare(kind.name, _CHANGES, *_what_follows(examined, kind, layer)) for layer in layers]
    yield from (worst(follows), later_alone, nothing)
    yield from check_traits(examined, kind, layers)


def _runs_of(examined: ExaminedModel, kind: SiteKind, layers: list[int]) -> Iterator[list[Write]]:
    """Each with its writes: every layer's own value, the other input's at one token of each layer, and there the whole."""
    yield examined.writing(examined.all_of(kind.name), theirs=False)
    yield from ([at_one_token(examined, kind.name, layer)] for layer in layers)
    if kind.rule == _ALL:
        yield from (examined.writing([(kind.name, layer)]) for layer in layers)


def _what_follows(examined: ExaminedModel, kind: SiteKind, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """(found, expected, what would be found had nothing been written), after `kind` took its value of the other input."""
    if kind.rule == "is added to the stream":
        return _added(examined, kind, layer)
    places: list[SiteLayer] = [(each, layer) for each in (kind.name, *kind.together)]
    where: SiteLayer = (kind.seen_in, layer)
    return examined.read(where, examined.writing(places)), examined.their(where), examined.our(where)


def _added(examined: ExaminedModel, kind: SiteKind, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a layer adds is added to a stream that is otherwise as it was; the MLP alone reads `mlp_in`."""
    of_attention = kind.lies == "in attention"
    before: KindName = "resid_pre" if examined.parallel or of_attention else "resid_mid"
    beside: KindName = "mlp_out" if of_attention else "attn_out"
    middle = of_attention and not examined.parallel and "mlp_out" in examined.adders
    after: KindName = "resid_mid" if middle else "resid_post"
    added: KindName = "mlp_out" if kind.reads_the_stream else kind.name
    expected = examined.our((before, layer)) + examined.their((added, layer))
    if examined.parallel:
        expected = expected + examined.our((beside, layer))
    found = examined.read((after, layer), examined.writing([(kind.name, layer)]))
    return found, expected, examined.our((after, layer))


def _reaches_no_earlier_token(examined: ExaminedModel, kind: SiteKind, layer: int, found: Tensor, usual: Tensor) -> Finding:
    """A write at one token changes logits there or later, and never before."""
    check, moved = "a write at one token acts there and later alone", (found - usual).abs()
    if not moved.any() and _leads_nowhere(examined, kind, layer):
        return Finding(kind.name, check, "passed", detail=f"nothing in layer {layer} depends on it")
    return examined.nothing(kind.name, check, float(moved[:, :POSITION].max()), float(moved.max()))


def _leads_nowhere(examined: ExaminedModel, kind: SiteKind, layer: int) -> bool:
    """As in layers that were pruned: what follows from it, or what the layer adds, is the same in both runs."""
    if kind.rule == _ALL:
        return False
    adder = "mlp_out" if kind.lies == "in the MLP" else "attn_out"
    chain = {kind.name, adder, *([kind.seen_in] if kind.seen_in else [])}
    return any(examined.alike((each, layer)) for each in chain)
