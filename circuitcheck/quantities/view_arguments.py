"""What a user may ask of a model, checked and parsed before it becomes data."""

import re
from collections.abc import Iterable

from circuitcheck.errors import BadIntervention
from circuitcheck.given import checked_whole
from circuitcheck.places import Architecture, Head, MlpLayer, Site, Units, parse_sites, parse_units, site_kind, site_of
from circuitcheck.plan import CLEAN, KINDS, Ablate, ModelRef, View
from circuitcheck.plan.interventions import Kind
from circuitcheck.text import shown


def check_ablation(kind: str, source: str | None, n: int | None, matching: tuple[str, ...]) -> Kind:
    """The kind. Raises BadIntervention for an unknown kind, or an argument that does not belong to it."""
    found = next((each for each in KINDS if each == kind), None)
    if found is None:
        raise BadIntervention(f"kind={shown(kind)} is no kind of ablation; expected {', '.join(map(repr, KINDS))}.")
    check_source("source", source)
    if source is not None and kind != "counterfactual":
        raise BadIntervention(f"source={shown(source)} belongs to kind='counterfactual', not to kind={shown(kind)}.")
    if matching and kind != "resample":
        raise BadIntervention(f"matching={', '.join(matching)} belongs to kind='resample', not to kind={shown(kind)}.")
    if n is not None and kind not in ("mean", "resample"):
        raise BadIntervention(f"n={n} belongs to kind='mean' and kind='resample', not to kind={shown(kind)}.")
    if n is not None:
        why = f", since one prompt is no mean, and leaves none to draw (the default is {Ablate.n})"
        checked_whole("n", n, BadIntervention, 2, why)
    return found


def check_source(what: str, given: object) -> None:
    """Raises BadIntervention for what is no name of a run."""
    if given is not None and not (isinstance(given, str) and given):
        raise BadIntervention(
            f"{what}={shown(given)}; expected the name of one of the task's counterfactuals, such as 'abc', or 'clean'."
        )


def check_found_here(given: object, model: ModelRef) -> None:
    """Raises BadIntervention for what a sweep found in another model: its heads are others, also where their numbers are
    the same."""
    found_in = getattr(given, "found_in", ())
    if found_in and str(model) not in found_in:
        raise BadIntervention(
            f"{given!r} was found in {', '.join(found_in)}, and this is {model}: the same numbers are other heads here. To "
            f"ask whether they carry over, name them: list(...) of it."
        )


def check_ablated(kind: Kind, sites: Iterable[Site]) -> None:
    """Raises BadIntervention where a kind of ablation means nothing at a site."""
    for site in sites:
        why = dict(site_kind(site.kind).ablations_refused).get(kind)
        if why is not None:
            raise BadIntervention(f"{kind} ablation of {site}: {why}.")


def slots(matching: str | Iterable[str] | None) -> tuple[str, ...]:
    """Names of slots, each once, in order; in a text, with commas or spaces between."""
    texts = [matching] if isinstance(matching, str) else matching or ()
    if not all(isinstance(text, str) for text in texts):
        raise BadIntervention(f"matching={shown(matching)}; expected names of slots, such as 'IO, S1'.")
    return tuple(sorted({name for text in texts for name in re.split(r"[,\s]+", text) if name}))


def parse_path(
    senders: Units, into: str | Site | Iterable[str | Site], architecture: Architecture
) -> tuple[tuple[Site, ...], tuple[Site, ...]]:
    """Senders and receivers of a path. Raises UnknownUnit, UnknownSite; BadIntervention for what cannot send or receive, or
    a sender that comes after every receiver."""
    found = []
    for unit in parse_units(senders, architecture):
        if not isinstance(unit, Head | MlpLayer):
            raise BadIntervention(f"{unit} cannot send along a path: name heads (L7H3) or MLP layers (L7.mlp).")
        found.append(unit)
    if into == "logits":
        return tuple(map(site_of, found)), (Site("resid_post", architecture.n_layers - 1),)
    receivers = tuple(_receiver(site) for site in parse_sites(into, architecture))
    for unit in found:
        if not any(_comes_before(unit, site, architecture.parallel) for site in receivers):
            raise BadIntervention(
                f"{unit} comes after every receiver in {', '.join(map(str, receivers))}: no path leads there."
            )
    return tuple(map(site_of, found)), receivers


def _receiver(site: Site) -> Site:
    """Raises BadIntervention for what does not read the residual stream."""
    if site.kind == "mlp_out":
        return Site("mlp_in", site.layer)
    if not site_kind(site.kind).reads_the_stream:
        raise BadIntervention(f"{site} does not read the residual stream; receivers are L9H9.q, .k, .v, L9.mlp, or logits.")
    return site


def _comes_before(unit: Head | MlpLayer, receiver: Site, parallel: bool) -> bool:
    same_block = receiver.kind == "mlp_in" and isinstance(unit, Head) and not parallel
    return unit.layer < receiver.layer or (same_block and unit.layer == receiver.layer)


def refuse_another(view: View, against: str) -> None:
    """Raises BadIntervention for a view that is of one counterfactual, which is not the one that it is compared with."""
    named = {getattr(each, "source", None) for each in view.interventions} | {view.base}
    others = named - {None, CLEAN}
    if len(others) == 1 and against not in others:
        other = others.pop()
        raise BadIntervention(
            f"recovered({view.describe()}): it is of the counterfactual {other!r}, and would be compared with {against!r}, "
            f"the task's first. Say which you mean: recovered(view, against={other!r})."
        )
