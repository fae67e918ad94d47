"""Sweeps that are often wanted, ready to measure: `cc.sweeps.patch_layers(ioi, model, "resid_pre").estimate(128)`.

Each is `task.sweep(...)` with a function and axes, whose cells are shares of the logit difference (`task.recovered`).
"""

from collections.abc import Iterable
from typing import Literal, get_args

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadIntervention, BadSweep
from circuitcheck.places import Architecture, Head, parse_units
from circuitcheck.places.site_kinds import KindName, site_kind
from circuitcheck.plan.interventions import Kind
from circuitcheck.quantities import Axis, Model, ModelView, Sweep, Task, axis
from circuitcheck.quantities.view_arguments import check_found_here
from circuitcheck.text import shown

Reads = Literal["q", "k", "v"]
__all__ = ["knock_outs", "patch_heads", "patch_layers", "paths"]


@known_arguments
def patch_layers(
    task: Task,
    model: ModelView,
    kind: KindName = "resid_pre",
    *,
    against: str | None = None,
    at: Iterable[str] | None = None,
) -> Sweep:
    """Denoising, layer by position: run the counterfactual called `against` (the task's first), and patch what a layer has
    at one position from the clean run. `kind` is resid_pre, resid_mid, resid_post, attn_out or mlp_out; `at` some of the
    task's positions. A cell is the share of the logit difference that this brings back: 0 is none, 1 all.

    Raises BadSweep for a kind that belongs to heads, UnknownSite, UnknownCounterfactual.
    """
    if site_kind(kind).index is not None:
        raise BadSweep(f"patch_layers({kind!r}): {kind} belongs to heads or neurons; patch_heads patches those of heads.")
    base, name = _against(task, model, against)
    positions = task.positions if at is None else tuple(at)
    return task.sweep(
        lambda task, layer, at: task.recovered(base.patch(f"{layer}.{kind}", source="clean", at=at), name),
        _layers(model),
        axis("at", positions),
        title=f"{task.name}: {kind} patched from clean into {name}, share recovered",
        code=_code("patch_layers", model, kind, against=name, at=None if at is None else list(positions)),
    )


@known_arguments
def patch_heads(
    task: Task, model: ModelView, kind: KindName = "z", *, against: str | None = None, at: str | None = None
) -> Sweep:
    """Denoising, layer by head: run the counterfactual called `against` (the task's first), and patch what one head has from
    the clean run, at the position `at` (None: everywhere). `kind` is z, q, pattern, scores or result; of k and v the heads
    are key/value heads.

    Raises BadSweep for a kind that belongs to no heads, UnknownCounterfactual.
    """
    index = site_kind(kind).index
    if index not in ("head", "key/value head"):
        raise BadSweep(f"patch_heads({kind!r}): {kind} belongs to no head; patch_layers patches layers.")
    base, name = _against(task, model, against)
    made = model.card.architecture
    count = made.n_heads if index == "head" else made.n_key_value_heads
    where = "" if at is None else f" at {at}"
    return task.sweep(
        lambda task, layer, head: task.recovered(base.patch(f"{layer}{head}.{kind}", source="clean", at=at), name),
        _layers(model),
        _heads(count),
        title=f"{task.name}: {kind} of one head{where} patched from clean into {name}, share recovered",
        code=_code("patch_heads", model, kind, against=name, at=at),
    )


@known_arguments
def knock_outs(
    task: Task, model: ModelView, kind: Kind = "mean", *, against: str | None = None, at: str | None = None
) -> Sweep:
    """Ablation of each head by itself, layer by head, at the position `at` (None: everywhere), in the clean run. A cell is
    the share of the logit difference that is left: 1 is all. `kind` is as in `model.ablate`.

    Raises UnknownCounterfactual, BadIntervention.
    """
    _, name = _against(task, model, against)
    where = "" if at is None else f" at {at}"
    return task.sweep(
        lambda task, layer, head: task.recovered(model.ablate(f"{layer}{head}", kind=kind, at=at), name),
        _layers(model),
        _heads(model.card.architecture.n_heads),
        title=f"{task.name}: {kind} ablation of one head{where}, share left",
        code=_code("knock_outs", model, kind, against=name, at=at),
    )


@known_arguments
def paths(
    task: Task,
    model: ModelView,
    into: str | Iterable[str],
    *,
    reads: Reads | None = None,
    against: str | None = None,
    at: str | None = None,
    sender_at: str | None = None,
) -> Sweep:
    """Path patching from each head that comes before a receiver, layer by head: receivers `into` ("L9H9.q, L9H6.q" or
    "logits") read one head as it is in the counterfactual `against`, along the direct path (Wang et al. 2022,
    arXiv:2211.00593). A cell is the share of the logit difference that is left: 1 is all.

    With `reads`, "q", "k" or "v", `into` are heads, such as those that the last sweep found: `into=grid.top(4), reads="v"`
    goes one level back. `at` is the receivers' position, `sender_at` the senders'. Raises BadSweep where no head comes
    before, UnknownSite, UnknownUnit, UnknownCounterfactual.
    """
    _, name = _against(task, model, against)
    check_found_here(into, model.card.ref)
    into = _receivers(into, reads, model.card.architecture)
    layers = [f"L{n}" for n in range(model.card.architecture.n_layers) if _sends(model, f"L{n}H0", into)]
    if not layers:
        raise BadSweep(f"paths(into={into!r}): no head comes before it, so no path leads there.")
    return task.sweep(
        lambda task, layer, head: task.recovered(
            model.patch_path(f"{layer}{head}", into=into, source=name, at=at, sender_at=sender_at), name
        ),
        axis("layer", layers),
        _heads(model.card.architecture.n_heads),
        title=f"{task.name}: paths from one head into {into}, from {name}, share left",
        code=_code("paths", model, into, against=name, at=at, sender_at=sender_at),
    )


def _receivers(into: str | Iterable[str], reads: Reads | None, architecture: Architecture) -> str:
    """What heads read, as sites; keys and values are those of their key/value heads. Raises BadSweep, UnknownUnit."""
    if reads is None:
        return into if isinstance(into, str) else ", ".join(into)
    if reads not in get_args(Reads):
        raise BadSweep(f"paths(reads={shown(reads)}): expected 'q', 'k' or 'v', or none where into= names sites.")
    found = parse_units(into if isinstance(into, str) else list(into), architecture)
    heads = [each for each in found if isinstance(each, Head)]
    if len(heads) < len(found):
        raise BadSweep(f"paths(into={', '.join(map(str, found))}, reads={reads!r}): expected heads, which have a {reads}.")
    shared = 1 if reads == "q" else architecture.n_heads // architecture.n_key_value_heads
    return ", ".join(dict.fromkeys(f"L{head.layer}H{head.head // shared}.{reads}" for head in heads))


def _against(task: Task, model: ModelView, name: str | None) -> tuple[ModelView, str]:
    task.recovered(model, name)  # raises what is wrong with the name
    found = name or task.counterfactuals[0]
    return model.on(found), found


def _layers(model: ModelView) -> Axis:
    return axis("layer", [f"L{n}" for n in range(model.card.architecture.n_layers)])


def _heads(count: int) -> Axis:
    return axis("head", [f"H{n}" for n in range(count)])


def _sends(model: ModelView, head: str, into: str) -> bool:
    try:
        model.patch_path(head, into=into)
    except BadIntervention:
        return False
    return True


def _code(function: str, model: ModelView, first: str, **given: object) -> str:
    """Of a view there is no code."""
    if not isinstance(model, Model):
        return ""
    named = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    return f"cc.sweeps.{function}({', '.join(['task', 'model', repr(first), *named])})"
