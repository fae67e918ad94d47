"""Metrics that a user writes, or makes of sites and positions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from circuitcheck.errors import BadExtension, BadMetric, UnknownSite, UnknownUnit, after_reload
from circuitcheck.extensions import load_extensions
from circuitcheck.given import known_arguments
from circuitcheck.places import ANY_MODEL, Head, Site, Unit, UnitSet, parse_position, parse_sites, parse_units, site_kind
from circuitcheck.plan import (
    Accuracy,
    Activation,
    Attention,
    CandidateAccuracy,
    Custom,
    KLFromClean,
    LogitDiff,
    LogProb,
    Loss,
    Metric,
    Norm,
    Probability,
    Rank,
)
from circuitcheck.plan.metrics import check_support
from circuitcheck.plan.metrics.protocol import Support
from circuitcheck.text import shown, suggestion


@known_arguments
def metric(function: Callable[[Any, Any], Any], *, name: str | None = None, support: Support = "real") -> Custom:
    """`function(logits, prompts)` as a metric: logits [prompt, vocab] (a torch tensor, at each prompt's last token) and the
    `Prompt`s in, one number per prompt out. `support` is "real", "binary" or (low, high), and decides the statistics.

    Raises BadMetric for what is no function, or no support."""
    if isinstance(function, str | Metric) or not callable(function):
        raise BadMetric(
            f"cc.metric got {shown(function)}; expected a function of (logits, prompts). A metric that is there already is "
            f"used by its name, task.metric('accuracy', view), or as task.metric(cc.accuracy(), view)."
        )
    check_support(support)
    chosen = (support[0], support[1]) if isinstance(support, list) else support
    return Custom(function, name or str(getattr(function, "__name__", "custom")), chosen)


def logit_diff() -> LogitDiff:
    """Logit of the answer minus logit of the distractor, subtracted in float64; of their first tokens, which must differ."""
    return LogitDiff()


def accuracy() -> Accuracy:
    """1 where the answer has the largest logit of the whole vocabulary, else 0."""
    return Accuracy()


def candidate_accuracy() -> CandidateAccuracy:
    """1 where the answer has the largest logit among the task's candidates, compared on their first tokens, else 0."""
    return CandidateAccuracy()


def rank() -> Rank:
    """1 where the answer's first token has the largest logit, 2 where one token has a larger one, and so on."""
    return Rank()


def probability() -> Probability:
    """Softmax probability of the answer's first token."""
    return Probability()


@known_arguments
def log_prob(of: Literal["answer", "distractor"] = "answer") -> LogProb:
    """Log-probability of the whole answer, or distractor, in nats: the sum over its tokens, each given those before it."""
    return LogProb(of)


def loss() -> Loss:
    """Minus the log-probability of the answer's first token, in nats: on running text the loss of the next token."""
    return Loss()


def kl_from_clean() -> KLFromClean:
    """Kullback-Leibler divergence of the view's next-token distribution at END from the untouched model's on the clean
    prompt, D(clean || view), in nats."""
    return KLFromClean()


_WITHOUT_WORDS = (logit_diff, accuracy, candidate_accuracy, rank, probability, log_prob, loss, kl_from_clean)


@known_arguments
def attention(head: str | Head, *, query: str, key: str) -> Attention:
    """What a head's attention pattern gives from the token `query` to the token `key`, such as `attention("L9H9",
    query="END", key="IO")`: between 0 and 1; over a span of keys (`"IO[:]"`) the sum, over a span of queries the mean.

    Raises UnknownUnit, UnknownPosition; when it is measured, for heads and positions that are not there.
    """
    found = () if isinstance(head, UnitSet) else parse_units(head, ANY_MODEL)  # a set of any model's heads has no end
    if len(found) != 1 or not isinstance(found[0], Head):
        raise UnknownUnit(f"{shown(head)} is not one head, such as 'L9H9'.")
    return Attention(found[0], parse_position(query), parse_position(key))


@known_arguments
def norm(site: str | Unit | Site, *, at: str) -> Norm:
    """The Euclidean norm of a site's value, such as `norm("L5.resid_post", at="END")`, at one token. Raises UnknownSite,
    UnknownPosition, BadMetric for scores and patterns, whose values are no vectors."""
    found = _one_site(site)
    if site_kind(found.kind).of_queries:
        raise BadMetric(f"the norm of {found} means nothing: use cc.attention(head, query=..., key=...).")
    return Norm(found, parse_position(at))


@known_arguments
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
        raise UnknownSite(f"{shown(site)} is not one site.")
    return found[0]


_NAMED: dict[str, Metric] = {
    each.name: each
    for each in (Accuracy(), CandidateAccuracy(), KLFromClean(), LogProb(), LogitDiff(), Loss(), Probability(), Rank())
}


def register_metric(name: str, metric: Metric | Callable[[Any, Any], Any]) -> None:
    """Let `task.metric(name, view)` mean `metric`: one with a readout, or a function of (logits, prompts), which works in
    this process only. The same metric again changes nothing. Raises BadExtension for a name that is taken, or what is no
    metric."""
    try:
        found = as_metric(metric) if not isinstance(metric, str) else None
    except (TypeError, BadMetric) as error:
        raise BadExtension(f"the metric {name!r} cannot be registered: {error}") from error
    if found is None or not isinstance(name, str) or not name.isidentifier():
        raise BadExtension(f"{name!r}: {shown(metric)} cannot be registered; expected a name and a metric, or a function.")
    if name in _NAMED and _NAMED[name] != (replace(found, name=name) if isinstance(found, Custom) else found):
        raise BadExtension(f"there is a metric called {name!r} already: give yours another name.")
    _NAMED[name] = replace(found, name=name) if isinstance(found, Custom) else found


def metric_names() -> tuple[str, ...]:
    """Of those that are used by name, so far."""
    return tuple(_NAMED)


def _named(name: str) -> Metric:
    """Raises BadMetric, BadExtension."""
    load_extensions()
    if name not in _NAMED:
        raise BadMetric(
            f"there is no metric called {name!r}; there are {', '.join(sorted(_NAMED))}.{suggestion(name, _NAMED)} Others "
            f"are written as such: task.metric(cc.logit_diff(), view)."
        )
    return _NAMED[name]


def as_metric(given: object) -> Metric:
    """Raises TypeError for what is neither a metric, the name of one, nor a function; BadMetric for the name of none."""
    if isinstance(given, str):
        return _named(given)
    if given in _WITHOUT_WORDS or isinstance(given, type):
        name = getattr(given, "__name__", given)
        raise TypeError(f"cc.{name} is a kind of metric: write cc.{name}().")
    if isinstance(given, Metric):
        check_support(given.support)
        return given
    if callable(given):
        return metric(given)
    raise TypeError(
        f"{shown(given)} is no metric; expected one such as cc.logit_diff(), or a function of (logits, "
        f"prompts).{after_reload(given)}"
    )
