"""Do the parts of a model add up, and do the library's own hooks keep their word?"""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor

from circuitcheck.engine.checkup import EVERYTHING, Finding
from circuitcheck.engine.torch.doctor.examined import BREAKDOWNS, ExaminedModel, refusal, worst
from circuitcheck.engine.torch.sites.access import SiteLayer
from circuitcheck.errors import SiteNotReached
from circuitcheck.places import KindName


def check_sums(examined: ExaminedModel) -> Iterator[Finding]:
    """What is added up to a stream, layer by layer and all together."""
    for (subject, name), rule in _rules(examined).items():
        try:
            yield worst([examined.compare(subject, name, *rule(layer)) for layer in examined.layers])
        except BREAKDOWNS as error:
            yield refusal(subject, name, error)
    yield _only_added(examined, "embed", "embed")
    yield _only_added(examined, EVERYTHING, "resid_pre")
    if not examined.parallel:
        yield _the_library_s_own_hook(examined)


Rule = Callable[[int], tuple[Tensor, Tensor, Tensor]]


def _rules(examined: ExaminedModel) -> dict[tuple[str, str], Rule]:
    """Each with the value, what it must be, and another to measure deviations by."""
    our = examined.our

    def leaves(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        entered = our(("resid_pre", layer))
        return sum((our((kind, layer)) for kind in examined.adders), entered), our(("resid_post", layer)), entered

    def middle(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        total = our(("resid_pre", layer)) + our(("attn_out", layer))
        return total, our(("resid_mid", layer)), our(("resid_pre", layer))

    def softmax(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        scores, pattern = our(("scores", layer)), our(("pattern", layer))
        return scores.softmax(dim=-1), pattern, torch.zeros_like(pattern)

    def read_by_mlp(layer: int) -> tuple[Tensor, Tensor, Tensor]:
        stream = our(("resid_pre" if examined.parallel else "resid_mid", layer))
        return our(("mlp_in", layer)), stream, torch.zeros_like(stream)

    rules: dict[tuple[str, str], Rule] = {
        (EVERYTHING, " + ".join(("resid_pre", *examined.adders)) + " = resid_post"): leaves,
        ("scores", "their softmax is the pattern"): softmax,
    }
    if not examined.parallel and "mlp_out" in examined.adders:
        rules["resid_mid", "it is resid_pre + attn_out"] = middle
    if examined.has(("mlp_in", 0)):
        rules["mlp_in", "it is the stream that enters the MLP"] = read_by_mlp
    return rules


def _only_added(examined: ExaminedModel, subject: str, kind: KindName) -> Finding:
    """What heads and MLPs give, and what enters layer 0, is all that is added up."""
    check = "with all z and all mlp_out held, another one is only added"
    kinds: tuple[KindName, ...] = ("z", *(each for each in examined.adders if each == "mlp_out"))
    held: list[SiteLayer] = [*product(kinds, range(examined.n_layers))]
    start: SiteLayer = (kind, 0)
    end: SiteLayer = ("resid_post", examined.n_layers - 1)
    try:
        found = examined.read(end, [*examined.writing([start]), *examined.writing(held, theirs=False)])
        expected = examined.our(end) + examined.their(start) - examined.our(start)
        return examined.compare(subject, check, found, expected, examined.our(end), sums=2 * examined.n_layers)
    except BREAKDOWNS as error:
        return refusal(subject, check, error)


def _the_library_s_own_hook(examined: ExaminedModel) -> Finding:
    """Nothing here uses it; whoever hooks models by hand may want to know."""
    layer, subject, check = 0, "the library's hooks", "a write to hook_resid_mid reaches hook_resid_post"
    name, after = f"blocks.{layer}.hook_resid_mid", f"blocks.{layer}.hook_resid_post"
    try:
        theirs = examined.their(("resid_mid", layer))
        reached = examined.read_point(after, [(name, theirs.to)], layer)
    except SiteNotReached as error:
        return Finding(subject, check, "noted", detail=str(error))
    there: SiteLayer = ("resid_post", layer)
    found = examined.compare(subject, check, reached, examined.their(there), examined.our(there))
    sound = found.status == "passed"
    detail = "" if sound else "DEFECT of the library: what is written does not go on; our resid_mid does without it"
    return Finding(subject, check, "noted", found.error, detail)
