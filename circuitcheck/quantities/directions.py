"""Directions as a user holds them."""

from collections.abc import Iterable
from typing import Literal

from circuitcheck.errors import BadIntervention, NotComparable, UnknownPosition
from circuitcheck.places import KindName, Position, parse_layers, parse_position
from circuitcheck.places.site_kinds import SITE_KINDS, site_kind
from circuitcheck.plan import Direction, MeanDifference, RandomLike
from circuitcheck.prompts import PromptStream
from circuitcheck.quantities.models import ModelView
from circuitcheck.quantities.task import Task
from circuitcheck.session import current_session
from circuitcheck.text import suggestion


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
    if stream not in ("discovery", "reference"):
        raise BadIntervention(
            f"stream={stream!r}: directions come from 'discovery' or 'reference', never from the test stream."
        )
    streams = [kind.name for kind in SITE_KINDS.values() if kind.d_model_wide]
    if site not in streams:
        raise BadIntervention(f"site={site!r} is no residual stream; expected one of {', '.join(streams)}.")
    if n < 2:
        raise BadIntervention(f"a mean over n={n} prompts is no mean; the default is 256.")
    if model.data.interventions or model.data.base != "clean":
        raise NotComparable(
            f"directions are found in the untouched model, and this is a view of it: {model.data.describe()}."
        )
    first, second = _one(at, task), _one(minus, task)
    if first == second:
        raise BadIntervention(f"at={at!r} and minus={minus!r} are one position: the difference is zero.")
    found = parse_layers(layers, model.card.architecture)
    if site_kind(site).first_layer_only:
        found = (0,)
    seed = current_session().settings.seed
    return MeanDifference(PromptStream(task.definition, stream, seed), model.card.ref, site, found, first, second, n)


def random_direction(like: Direction, *, seed: int = 0) -> RandomLike:
    """A direction drawn uniformly, with the norms of `like` in each of its layers: what any direction would do."""
    return RandomLike(like, seed)


def _one(position: str, task: Task) -> Position:
    parsed = parse_position(position)
    if parsed.name not in task.positions:
        raise UnknownPosition(
            f"task {task.name!r} has no position {parsed.name!r}; it has {', '.join(task.positions)}."
            f"{suggestion(parsed.name, task.positions)}"
        )
    return parsed
