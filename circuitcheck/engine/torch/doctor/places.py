"""Does each site mean what it says? A write must bring about what the site's definition demands, and nothing before it."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import get_args

import torch
from torch import Tensor

from circuitcheck.engine.checkup import EVERYTHING, Finding, passed
from circuitcheck.engine.torch.doctor.patient import POSITION, Patient
from circuitcheck.engine.torch.hooks import hooked
from circuitcheck.engine.torch.sites import SiteLayer, Write
from circuitcheck.engine.torch.sources import forward
from circuitcheck.errors import SiteNotReached
from circuitcheck.plan import SiteKind

_KINDS: tuple[SiteKind, ...] = get_args(SiteKind)
_STATE: tuple[SiteKind, ...] = ("resid_pre", "resid_mid", "resid_post")  # all that later layers know


def check_sites(patient: Patient) -> Iterator[Finding]:
    """Every kind of site, one after the other, then all together."""
    for kind in _KINDS:
        try:
            found = list(_check_kind(patient, kind))
        except SiteNotReached as error:
            found = [Finding(kind, "is there", "refused", detail=str(error))]
        yield from found
    for rules in (_sum_rules, _everything_at_once):
        try:
            yield from list(rules(patient))
        except SiteNotReached as error:
            yield Finding("sums", rules.__name__.strip("_").replace("_", " "), "refused", detail=str(error))
    if not patient.parallel:
        yield _the_library_s_own_hook(patient)


def _check_kind(patient: Patient, kind: SiteKind) -> Iterator[Finding]:
    """Raises SiteNotReached where the model has no such place."""
    if kind == "resid_mid" and patient.parallel:
        raise SiteNotReached("attention and MLP run side by side, on one stream")
    layers = [0] if kind == "embed" else patient.layers
    yield _worst([patient.compare(kind, _CHANGES, *_what_follows(patient, kind, layer)) for layer in layers])
    yield _worst([_reaches_no_earlier_token(patient, kind, layer) for layer in layers])
    yield _changes_nothing_with_its_own_value(patient, kind)
    if kind in _READ_BY:
        yield _worst([_reaches_its_own_heads(patient, kind, layer) for layer in layers])


_CHANGES = "a patch has the effect that its definition demands"


def _what_follows(patient: Patient, kind: SiteKind, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """(found, expected, what would be found had nothing been written), after `kind` took its value of the other input."""
    if kind in (*_STATE, "embed"):
        return patient.logits(patient.ours, patient.writing([(kind, layer)])), patient.their_logits, patient.our_logits
    if kind in _ADDED:
        return _added(patient, kind, layer)
    companions, read = _FOLLOWS[kind]
    places: list[SiteLayer] = [(each, layer) for each in (kind, *companions)]
    where: SiteLayer = (read, layer)
    return patient.read(where, patient.writing(places)), patient.their(where), patient.our(where)


_FOLLOWS: dict[SiteKind, tuple[tuple[SiteKind, ...], SiteKind]] = {  # what must be patched with it -> what then follows
    "q": (("k",), "pattern"),
    "k": (("q",), "pattern"),
    "v": (("pattern",), "z"),
    "scores": ((), "pattern"),
    "pattern": (("v",), "z"),
    "z": ((), "attn_out"),
    "result": ((), "attn_out"),
    "neurons": ((), "mlp_out"),
}
_ADDED: tuple[SiteKind, ...] = ("attn_out", "mlp_out", "mlp_in")


def _added(patient: Patient, kind: SiteKind, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a layer adds is added to a stream that is otherwise as it was; the MLP alone reads `mlp_in`."""
    before: SiteKind = "resid_pre" if patient.parallel or kind == "attn_out" else "resid_mid"
    beside: SiteKind | None = {"attn_out": "mlp_out", "mlp_out": "attn_out", "mlp_in": "attn_out"}.get(kind)  # type: ignore
    after: SiteKind = "resid_mid" if kind == "attn_out" and not patient.parallel else "resid_post"
    added: SiteKind = "mlp_out" if kind == "mlp_in" else kind
    expected = patient.our((before, layer)) + patient.their((added, layer))
    if patient.parallel and beside is not None:
        expected = expected + patient.our((beside, layer))
    found = patient.read((after, layer), patient.writing([(kind, layer)]))
    return found, expected, patient.our((after, layer))


def _reaches_no_earlier_token(patient: Patient, kind: SiteKind, layer: int) -> Finding:
    """A write at one token changes logits there or later, and never before."""
    axis = 2 if kind in ("scores", "pattern") else 1
    index = (slice(None),) * axis + (POSITION,)

    def at_one_token(old: Tensor) -> Tensor:
        new = old.clone()
        new[index] = theirs[index]
        return new

    theirs = patient.their((kind, layer)).to(patient.our_logits.device)
    found = patient.logits(patient.ours, [Write(kind, layer, lambda old: at_one_token(old).to(old))])
    moved = (found - patient.our_logits).abs()
    effect = float(moved.max())
    error = float(moved[:, :POSITION].max()) / effect if effect > 0 else float("inf")
    return Finding(kind, "a write at one token acts there and later alone", passed(error <= patient.tolerance), error)


def _changes_nothing_with_its_own_value(patient: Patient, kind: SiteKind) -> Finding:
    found = patient.logits(patient.ours, patient.writing(patient.all_of(kind), theirs=False))
    return patient.compare(
        kind, "written back in every layer it changes nothing", found, patient.our_logits, patient.their_logits
    )


def _sum_rules(patient: Patient) -> Iterator[Finding]:
    for name, rule in _rules(patient).items():
        found = [patient.compare(EVERYTHING, name, *rule(layer)) for layer in patient.layers if rule(layer)]
        if found:
            yield _worst(found)


Rule = Callable[[int], tuple[Tensor, Tensor, Tensor]]


def _rules(patient: Patient) -> dict[str, Rule]:
    """Each with the value, what it must be, and another to measure deviations by."""
    our = patient.our

    def leaves(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        total = our(("resid_pre", layer)) + our(("attn_out", layer)) + our(("mlp_out", layer))
        return total, our(("resid_post", layer)), our(("resid_pre", layer))

    def middle(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        total = our(("resid_pre", layer)) + our(("attn_out", layer))
        return total, our(("resid_mid", layer)), our(("resid_pre", layer))

    def softmax(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        scores, pattern = our(("scores", layer)), our(("pattern", layer))
        return scores.softmax(dim=-1), pattern, torch.zeros_like(pattern)

    def read_by_mlp(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        stream = our(("resid_pre" if patient.parallel else "resid_mid", layer))
        return our(("mlp_in", layer)), stream, torch.zeros_like(stream)

    rules: dict[str, Rule] = {"resid_pre + attn_out + mlp_out = resid_post": leaves, "pattern = softmax of scores": softmax}
    if not patient.parallel:
        rules["resid_pre + attn_out = resid_mid"] = middle
    if patient.has(("mlp_in", 0)):
        rules["mlp_in = the stream that enters the MLP"] = read_by_mlp
    return rules


def _everything_at_once(patient: Patient) -> Iterator[Finding]:
    """What heads and MLPs give, and the embedding, is all that is added up."""
    kinds: tuple[SiteKind, ...] = ("z", "mlp_out")
    held: list[SiteLayer] = [*product(kinds, range(patient.n_layers))]
    writes = [*patient.writing([("embed", 0)]), *patient.writing(held, theirs=False)]
    end: SiteLayer = ("resid_post", patient.n_layers - 1)
    expected = patient.our(end) + patient.their(("embed", 0)) - patient.our(("embed", 0))
    check = "with all z and all mlp_out held, another embedding is only added"
    yield patient.compare(EVERYTHING, check, patient.read(end, writes), expected, patient.our(end))


_READ_BY: dict[SiteKind, SiteKind] = {"q": "pattern", "k": "pattern", "v": "z"}


def _reaches_its_own_heads(patient: Patient, kind: SiteKind, layer: int) -> Finding:
    """Another query changes its own head's pattern, another key or value that of the heads that share it, and no other's."""
    axis = 1 if _READ_BY[kind] == "pattern" else 2
    where: SiteLayer = (_READ_BY[kind], layer)
    ours, theirs = patient.our(where), patient.their((kind, layer))
    group = ours.shape[axis] // theirs.shape[2]
    wrong = []
    for head in range(theirs.shape[2]):
        found = patient.read(where, [Write(kind, layer, partial(_with_head, theirs=theirs, head=head))])
        moved = (found - ours).abs().amax(dim=[each for each in range(ours.dim()) if each != axis])
        readers = set(range(head * group, (head + 1) * group))
        if set(torch.nonzero(moved > patient.tolerance * moved.max()).flatten().tolist()) != readers:
            wrong.append(f"L{layer}H{head}")
    return Finding(kind, "a write to one head reaches those that read it alone", passed(not wrong), detail=", ".join(wrong))


def _with_head(old: Tensor, *, theirs: Tensor, head: int) -> Tensor:
    new = old.clone()
    new[:, :, head] = theirs[:, :, head].to(old)
    return new


def _the_library_s_own_hook(patient: Patient) -> Finding:
    """Nothing here uses it; whoever hooks models by hand may want to know."""
    layer, kept = 0, {}
    name, after = f"blocks.{layer}.hook_resid_mid", f"blocks.{layer}.hook_resid_post"
    theirs = patient.their(("resid_mid", layer))
    check = "a write to hook_resid_mid reaches hook_resid_post"

    def keep(value: Tensor) -> None:
        kept["post"] = value.double()

    def put(old: Tensor) -> Tensor:
        return theirs.to(old)

    try:
        with torch.no_grad(), hooked(patient.model, [(name, put), (after, keep)]):
            forward(patient.model, patient.ours)
    except SiteNotReached as error:
        return Finding("the library's hooks", check, "noted", detail=str(error))
    there: SiteLayer = ("resid_post", layer)
    found = patient.compare("", check, kept["post"], patient.their(there), patient.our(there))
    sound = found.status == "passed"
    detail = "" if sound else "DEFECT of the library: what is written does not go on; our resid_mid does without it"
    return Finding("the library's hooks", check, "noted", found.error, detail)


def _worst(findings: list[Finding]) -> Finding:
    return max(findings, key=lambda each: (each.status == "failed", each.error or 0.0))
