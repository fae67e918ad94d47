"""Metrics that a user writes, or makes of sites and positions."""

from collections.abc import Callable
from typing import Any

from circuitcheck.errors import BadMetric, UnknownSite, UnknownUnit, after_reload
from circuitcheck.plan import (
    ANY_MODEL,
    Activation,
    Attention,
    Custom,
    Head,
    Metric,
    Norm,
    Site,
    Unit,
    UnitSet,
    parse_position,
    parse_sites,
    parse_units,
    site_kind,
)
from circuitcheck.plan.metrics import Support


def metric(function: Callable[[Any, Any], Any], *, name: str | None = None, support: Support = "real") -> Custom:
    """`function(logits, prompts)` as a metric: logits [prompt, vocab] (a torch tensor, at each prompt's last token) and the
    `Prompt`s in, one number per prompt out. `support` is "real", "binary" or (low, high), and decides the statistics."""
    return Custom(function, name or str(getattr(function, "__name__", "custom")), support)


def attention(head: str | Head, *, query: str, key: str) -> Attention:
    """What a head's attention pattern gives from the token `query` to the token `key`, such as `attention("L9H9",
    query="END", key="IO")`: between 0 and 1; over a span of keys (`"IO[:]"`) the sum, over a span of queries the mean.

    Raises UnknownUnit, UnknownPosition; when it is measured, for heads and positions that are not there.
    """
    found = () if isinstance(head, UnitSet) else parse_units(head, ANY_MODEL)  # a set of any model's heads has no end
    if len(found) != 1 or not isinstance(found[0], Head):
        raise UnknownUnit(f"{head!r} is not one head, such as 'L9H9'.")
    return Attention(found[0], parse_position(query), parse_position(key))


def norm(site: str | Unit | Site, *, at: str) -> Norm:
    """The Euclidean norm of a site's value, such as `norm("L5.resid_post", at="END")`, at one token. Raises UnknownSite,
    UnknownPosition, BadMetric for scores and patterns, whose values are no vectors."""
    found = _one_site(site)
    if site_kind(found.kind).of_queries:
        raise BadMetric(f"the norm of {found} means nothing: use cc.attention(head, query=..., key=...).")
    return Norm(found, parse_position(at))


def activation(neuron: str | Unit | Site, *, at: str) -> Activation:
    """The activation of one neuron, such as `activation("L3.mlp[12]", at="END")`, at one token. Raises UnknownSite,
    UnknownPosition, BadMetric for what is no single number."""
    found = _one_site(neuron)
    if site_kind(found.kind).index != "neuron" or found.index is None:
        raise BadMetric(f"{found} is no single number; expected a neuron such as L3.mlp[12], or use cc.norm.")
    return Activation(found, parse_position(at))


def _one_site(site: str | Unit | Site) -> Site:
    found = parse_sites(site, ANY_MODEL)
    if len(found) != 1:
        raise UnknownSite(f"{site!r} is not one site.")
    return found[0]


def as_metric(given: object) -> Metric:
    """Raises TypeError for what is neither a metric nor a function."""
    if isinstance(given, type):
        raise TypeError(f"cc.{given.__name__} is a kind of metric: write cc.{given.__name__}().")
    if isinstance(given, Metric):
        return given
    if callable(given):
        return metric(given)
    raise TypeError(
        f"{given!r} is no metric; expected one such as cc.LogitDiff(), or a function of (logits, "
        f"prompts).{after_reload(given)}"
    )
