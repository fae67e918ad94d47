"""Does each site mean what it says? A write must bring about what the site's definition demands, and nothing before it."""

from collections.abc import Iterator

from torch import Tensor

from circuitcheck.engine.checkup import Finding
from circuitcheck.engine.torch.doctor.patient import BREAKDOWNS, POSITION, Patient, at_one_token, refusal, worst
from circuitcheck.engine.torch.doctor.telling_apart import tell_apart
from circuitcheck.engine.torch.sites import SiteLayer
from circuitcheck.errors import SiteNotReached
from circuitcheck.plan import SITE_KINDS, KindName, SiteKind


def check_sites(patient: Patient) -> Iterator[Finding]:
    """Every kind of site, one after the other."""
    for kind in SITE_KINDS.values():
        try:
            found = list(_check_kind(patient, kind))
        except BREAKDOWNS as error:
            found = [refusal(kind.name, "is there", error)]
        yield from found


def _check_kind(patient: Patient, kind: SiteKind) -> Iterator[Finding]:
    """Raises SiteNotReached where the model has no such place."""
    if kind.not_in_parallel_blocks and patient.parallel:
        raise SiteNotReached(f"{kind.not_in_parallel_blocks}. {kind.instead}")
    layers = [0] if kind.first_layer_only else patient.layers
    yield worst([patient.compare(kind.name, _CHANGES, *_what_follows(patient, kind, layer)) for layer in layers])
    yield worst([_reaches_no_earlier_token(patient, kind, layer) for layer in layers])
    yield _changes_nothing_with_its_own_value(patient, kind.name)
    yield from tell_apart(patient, kind, layers)


_CHANGES = "a patch has the effect that its definition demands"


def _what_follows(patient: Patient, kind: SiteKind, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """(found, expected, what would be found had nothing been written), after `kind` took its value of the other input."""
    match kind.rule:
        case "is all that later layers know":
            found = patient.logits(patient.ours, patient.writing([(kind.name, layer)]))
            return found, patient.their_logits, patient.our_logits
        case "is added to the stream":
            return _added(patient, kind.name, layer)
        case "is read":
            places: list[SiteLayer] = [(each, layer) for each in (kind.name, *kind.together)]
            where: SiteLayer = (kind.seen_in, layer)
            return patient.read(where, patient.writing(places)), patient.their(where), patient.our(where)


def _added(patient: Patient, kind: KindName, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a layer adds is added to a stream that is otherwise as it was; the MLP alone reads `mlp_in`."""
    before: KindName = "resid_pre" if patient.parallel or kind == "attn_out" else "resid_mid"
    beside: KindName | None = {"attn_out": "mlp_out", "mlp_out": "attn_out", "mlp_in": "attn_out"}.get(kind)
    middle = kind == "attn_out" and not patient.parallel and "mlp_out" in patient.adders
    after: KindName = "resid_mid" if middle else "resid_post"
    added: KindName = "mlp_out" if kind == "mlp_in" else kind
    expected = patient.our((before, layer)) + patient.their((added, layer))
    if patient.parallel and beside is not None:
        expected = expected + patient.our((beside, layer))
    found = patient.read((after, layer), patient.writing([(kind, layer)]))
    return found, expected, patient.our((after, layer))


def _reaches_no_earlier_token(patient: Patient, kind: SiteKind, layer: int) -> Finding:
    """A write at one token changes logits there or later, and never before."""
    check = "a write at one token acts there and later alone"
    found = patient.logits(patient.ours, [at_one_token(patient, kind.name, layer)])
    moved = (found - patient.our_logits).abs()
    if not moved.any() and _leads_nowhere(patient, kind, layer):
        return Finding(kind.name, check, "passed", detail=f"nothing in layer {layer} depends on it")
    return patient.nothing(kind.name, check, float(moved[:, :POSITION].max()), float(moved.max()))


def _leads_nowhere(patient: Patient, kind: SiteKind, layer: int) -> bool:
    """As in layers that were pruned: what follows from it, or what the layer adds, is the same in both runs."""
    if kind.rule == "is all that later layers know":
        return False
    adder = "mlp_out" if kind.lies == "in the MLP" else "attn_out"
    chain = {kind.name, adder, *([kind.seen_in] if kind.seen_in else [])}
    return any(patient.alike((each, layer)) for each in chain)


def _changes_nothing_with_its_own_value(patient: Patient, kind: KindName) -> Finding:
    found = patient.logits(patient.ours, patient.writing(patient.all_of(kind), theirs=False))
    return patient.compare(
        kind, "written back in every layer it changes nothing", found, patient.our_logits, patient.their_logits
    )
