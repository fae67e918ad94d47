"""Directions as a user holds them."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadIntervention, NotComparable, UnknownPosition
from circuitcheck.given import checked_whole, number_of
from circuitcheck.places import KindName, Position, named_elsewhere, parse_layers, parse_position
from circuitcheck.places.site_kinds import SITE_KINDS, site_kind
from circuitcheck.plan import Direction, GivenVector, MeanDifference, RandomLike
from circuitcheck.prompts import PromptStream
from circuitcheck.quantities.own_interventions import check_direction
from circuitcheck.quantities.task import Task
from circuitcheck.quantities.views import ModelView, as_view
from circuitcheck.session import current_session
from circuitcheck.text import shown, suggestion


@known_arguments
def mean_difference(
    task: Task,
    model: ModelView,
    site: KindName = "resid_post",
    *,
    at: str,
    minus: str,
    layers: str | Iterable[int] | None = None,
    n: int = 256,
    stream: Literal["discovery", "reference"] = "discovery",
) -> MeanDifference:
    """The mean over `n` prompts of a site's value at position `at` minus that at position `minus`, a vector [d_model]
    for each of `layers` (None: all; "L3", "L2-5" or numbers). It is worked out when it is first used, on the untouched
    model.

    Prompts come from the discovery stream, or the reference one: a direction must not be found on the prompts it is
    tested on.

    Raises BadIntervention, UnknownSite, UnknownPosition, NotComparable for a view with interventions.
    """
    if isinstance(task, ModelView) and isinstance(model, Task):
        raise TypeError("mean_difference(model, task): the task comes first, cc.mean_difference(task, model, ...).")
    if not isinstance(task, Task):
        raise TypeError(f"mean_difference got {shown(task)} as its task; expected a cc.Task, such as cc.tasks.ioi().")
    model = as_view(model, "mean_difference")
    if stream not in ("discovery", "reference"):
        raise BadIntervention(
            f"stream={shown(stream)}: directions come from 'discovery' or 'reference', never from the test stream."
        )
    _check_stream(site)
    n = checked_whole("n", n, BadIntervention, 2, ", since one prompt is no mean (the default is 256)")
    if model.data.interventions or model.data.base != "clean":
        raise NotComparable(
            f"directions are found in the untouched model, and this is a view of it: {model.data.describe()}."
        )
    first, second = _one(at, task), _one(minus, task)
    if first == second:
        raise BadIntervention(f"at={at!r} and minus={minus!r} are one position: the difference is zero.")
    found = _layers(layers, site, model)
    seed = current_session().settings.seed
    return MeanDifference(PromptStream(task.definition, stream, seed), model.card.ref, site, found, first, second, n)


@known_arguments
def direction(
    vector: Any,
    model: ModelView,
    site: KindName = "resid_post",
    *,
    layers: str | Iterable[int] | None = None,
    name: str = "given",
) -> GivenVector:
    """A vector of your own, [d_model], such as the weights of a probe or a row of a sparse autoencoder's decoder: for
    `view.add`, `subtract` and `project_out`, the same in each of `layers` (None: all). `name` stands in results. It must not
    have been found on the prompts it is tested on; nobody can check that here.

    Raises BadIntervention for what is no vector, or when it is measured, for one of another width; UnknownUnit, TypeError.
    """
    _check_stream(site)
    view = as_view(model, "cc.direction")
    return GivenVector(view.card.ref, site, _layers(layers, site, view), _numbers(vector), str(name))


@known_arguments
def random_direction(like: Direction, *, seed: int = 0) -> RandomLike:
    """A direction drawn uniformly, with the norms of `like` in each of its layers: what any direction would do.

    Raises BadIntervention for what is no direction, or no whole number."""
    check_direction(like, "take the norms of")
    return RandomLike(like, checked_whole("seed", seed, BadIntervention, None))


@known_arguments
def vectors(direction: Direction) -> dict[int, NDArray[np.float64]]:
    """{layer: vector [d_model]}: a direction's own numbers, in float64. `numpy.linalg.norm` of one is its norm.

    Raises BadIntervention for what is no direction, or one that points nowhere; BadTask for more prompts than there are.
    """
    check_direction(direction, "take the vectors of")
    return dict(current_session().engine.vectors(direction))


@known_arguments
def cosines(one: Direction, other: Direction) -> dict[int, float]:
    """{layer: cosine of the angle between two directions}, in the layers that both have.

    Raises NotComparable for directions of different models or streams, or without a common layer."""
    for each in (one, other):
        check_direction(each, "take the angle of")
    if (one.model.fingerprint, one.kind) != (other.model.fingerprint, other.kind):
        raise NotComparable(
            f"the {one.describe()} of {one.model} and the {other.describe()} of {other.model} are not of one stream of one "
            f"model: an angle between them means nothing."
        )
    first, second = vectors(one), vectors(other)
    both = sorted(first.keys() & second.keys())
    if not both:
        raise NotComparable(f"the {one.describe()} and the {other.describe()} have no layer in common.")
    return {layer: float(_unit(first[layer]) @ _unit(second[layer])) for layer in both}


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return found


def _check_stream(site: object) -> None:
    streams = [kind.name for kind in SITE_KINDS.values() if kind.d_model_wide]
    if site not in streams:
        raise BadIntervention(
            f"site={shown(site)} is no residual stream; expected one of {', '.join(streams)}.{_meant(site, streams)}"
        )


def _layers(layers: str | Iterable[int] | None, site: KindName, model: ModelView) -> tuple[int, ...]:
    return (0,) if site_kind(site).first_layer_only else parse_layers(layers, model.card.architecture)


def _numbers(vector: Any) -> tuple[float, ...]:
    """Raises BadIntervention for what is no list of finite numbers, or points nowhere."""
    listed = vector.tolist() if hasattr(vector, "tolist") else vector
    found = [number_of(each) for each in listed] if isinstance(listed, list | tuple) else []
    numbers = tuple(each for each in found if each is not None and math.isfinite(each))
    if not numbers or len(numbers) < len(found) or not any(numbers):
        raise BadIntervention(f"cc.direction got {shown(vector)}; expected d_model finite numbers, not all of them 0.")
    return numbers


def _meant(site: object, streams: list[str]) -> str:
    """Where the layer is named with the site, or the library's hook is: what to write."""
    found = named_elsewhere(site) if isinstance(site, str) else None
    if found is None or found[0] not in streams:
        return ""
    return f" Write {found[0]!r}{'' if found[1] is None else ' and layers=' + repr(f'L{found[1]}')}."


def _one(position: str, task: Task) -> Position:
    parsed = parse_position(position)
    if not parsed.is_among(task.positions):
        raise UnknownPosition(
            f"task {task.name!r} has no position {parsed.name!r}; it has {', '.join(task.positions)}."
            f"{suggestion(parsed.name, task.positions)}"
        )
    return parsed
