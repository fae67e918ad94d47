"""Do the parts of a model add up, and do the library's own hooks keep their word?"""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor

from circuitcheck.engine.checkup import EVERYTHING, Finding
from circuitcheck.engine.torch.doctor.patient import Patient, worst
from circuitcheck.engine.torch.sites import SiteLayer
from circuitcheck.errors import SiteNotReached
from circuitcheck.plan import SiteKind


def check_sums(patient: Patient) -> Iterator[Finding]:
    """What is added up to a stream, layer by layer and all together."""
    for rules in (_sum_rules, _everything_at_once):
        try:
            yield from list(rules(patient))
        except SiteNotReached as error:
            yield Finding(EVERYTHING, "its parts can be added up", "failed", detail=str(error))
    if not patient.parallel:
        yield _the_library_s_own_hook(patient)


def _sum_rules(patient: Patient) -> Iterator[Finding]:
    for (subject, name), rule in _rules(patient).items():
        yield worst([patient.compare(subject, name, *rule(layer)) for layer in patient.layers])


Rule = Callable[[int], tuple[Tensor, Tensor, Tensor]]


def _rules(patient: Patient) -> dict[tuple[str, str], Rule]:
    """Each with the value, what it must be, and another to measure deviations by."""
    our = patient.our

    def leaves(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        entered = our(("resid_pre", layer))
        return sum((our((kind, layer)) for kind in patient.adders), entered), our(("resid_post", layer)), entered

    def middle(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        total = our(("resid_pre", layer)) + our(("attn_out", layer))
        return total, our(("resid_mid", layer)), our(("resid_pre", layer))

    def softmax(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        scores, pattern = our(("scores", layer)), our(("pattern", layer))
        return scores.softmax(dim=-1), pattern, torch.zeros_like(pattern)

    def read_by_mlp(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        stream = our(("resid_pre" if patient.parallel else "resid_mid", layer))
        return our(("mlp_in", layer)), stream, torch.zeros_like(stream)

    rules: dict[tuple[str, str], Rule] = {
        (EVERYTHING, " + ".join(("resid_pre", *patient.adders)) + " = resid_post"): leaves,
        (EVERYTHING, "pattern = softmax of scores"): softmax,
    }
    if not patient.parallel and "mlp_out" in patient.adders:
        rules[EVERYTHING, "resid_pre + attn_out = resid_mid"] = middle
    if patient.has(("mlp_in", 0)):
        rules["mlp_in", "it is the stream that enters the MLP"] = read_by_mlp
    return rules


def _everything_at_once(patient: Patient) -> Iterator[Finding]:
    """What heads and MLPs give, and the embedding, is all that is added up."""
    kinds: tuple[SiteKind, ...] = ("z", *(kind for kind in patient.adders if kind == "mlp_out"))
    held: list[SiteLayer] = [*product(kinds, range(patient.n_layers))]
    writes = [*patient.writing([("embed", 0)]), *patient.writing(held, theirs=False)]
    end: SiteLayer = ("resid_post", patient.n_layers - 1)
    expected = patient.our(end) + patient.their(("embed", 0)) - patient.our(("embed", 0))
    check = "with all z and all mlp_out held, another embedding is only added"
    yield patient.compare(EVERYTHING, check, patient.read(end, writes), expected, patient.our(end))


def _the_library_s_own_hook(patient: Patient) -> Finding:
    """Nothing here uses it; whoever hooks models by hand may want to know."""
    layer, subject, check = 0, "the library's hooks", "a write to hook_resid_mid reaches hook_resid_post"
    name, after = f"blocks.{layer}.hook_resid_mid", f"blocks.{layer}.hook_resid_post"
    try:
        theirs = patient.their(("resid_mid", layer))
        reached = patient.read_point(after, [(name, theirs.to)])
    except SiteNotReached as error:
        return Finding(subject, check, "noted", detail=str(error))
    there: SiteLayer = ("resid_post", layer)
    found = patient.compare(subject, check, reached, patient.their(there), patient.our(there))
    sound = found.status == "passed"
    detail = "" if sound else "DEFECT of the library: what is written does not go on; our resid_mid does without it"
    return Finding(subject, check, "noted", found.error, detail)
