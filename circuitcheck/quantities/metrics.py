"""Metrics that a user writes, or makes of sites and positions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from circuitcheck.arguments import known_arguments
from circuitcheck.errors import BadExtension, BadMetric, UnknownSite, UnknownUnit, after_reload
from circuitcheck.extensions import load_extensions
from circuitcheck.places import (
    ANY_MODEL,
    Head,
    Position,
    Site,
    Unit,
    UnitSet,
    parse_position,
    parse_sites,
    parse_units,
    site_kind,
)
from circuitcheck.plan import (
    Accuracy,
    Activation,
    ActiveFeatures,
    Attention,
    Both,
    CandidateAccuracy,
    Custom,
    FeatureActivation,
    FeatureFires,
    KLFromClean,
    LogitDiff,
    LogProb,
    Loss,
    Marked,
    Metric,
    Norm,
    Probability,
    Rank,
    ReconstructionError,
)
from circuitcheck.plan.metrics import check_support
from circuitcheck.plan.metrics.protocol import Support
from circuitcheck.quantities.dictionaries import Dictionary, FeatureSet, as_features
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
def activation(neuron: str | Unit | Site | FeatureSet, *, at: str) -> Activation | FeatureActivation:
    """The activation of one neuron, such as `activation("L3.mlp[12]", at="END")`, or of one feature of a dictionary
    (`activation(q[7], at="END")`; of several, their sum), at one token. Raises UnknownSite, UnknownPosition, BadMetric for
    what is no single number."""
    if isinstance(neuron, FeatureSet):
        return FeatureActivation(neuron.plan, _one_token(at))
    found = _one_site(neuron)
    if site_kind(found.kind).index != "neuron" or found.index is None:
        raise BadMetric(f"{found} is no single number; expected a neuron such as L3.mlp[12], or use cc.norm.")
    return Activation(found, parse_position(at))


@known_arguments
def fires(features: FeatureSet, *, at: str = "END") -> FeatureFires:
    """1 where a feature of a dictionary is active (not 0) at one token, else 0; of several, where all of them are. Its mean
    is the firing rate. Raises BadIntervention for what is no feature, UnknownPosition."""
    return FeatureFires(as_features(features, "fires()").plan, _one_token(at))


@known_arguments
def l0(dictionary: Dictionary, *, at: str = "END") -> ActiveFeatures:
    """How many features of a dictionary are active at one token. Raises BadMetric for what is no dictionary,
    UnknownPosition."""
    return ActiveFeatures(checked_dictionary(dictionary, "l0()").ref, _one_token(at))


@known_arguments
def reconstruction_error(dictionary: Dictionary, *, at: str = "END") -> ReconstructionError:
    """The squared distance between the value that a dictionary stands for, at one token, and what it makes of it. Raises
    BadMetric for what is no dictionary, UnknownPosition."""
    return ReconstructionError(checked_dictionary(dictionary, "reconstruction_error()").ref, _one_token(at))


def both(*metrics: Metric) -> Both:
    """1 where each of several 0/1 metrics is 1: `cc.both(cc.fires(q[1669]), cc.fires(q[3489]))`. Raises BadMetric for
    others, or fewer than two."""
    wrong = [each for each in metrics if not isinstance(each, Metric) or each.support != "binary"]
    if wrong or len(metrics) < 2:
        raise BadMetric(
            f"both() got {shown(wrong[0]) if wrong else f'{len(metrics)} metrics'}; expected two or more that are 0 or 1, "
            f"such as cc.fires(q[7])."
        )
    return Both(tuple(metrics))


@known_arguments
def marked(mark: str) -> Marked:
    """1 where a corpus marks the token at END so, else 0: of `cc.corpus(..., marks={"quote": ...})`, `cc.marked("quote")`.
    Raises BadMetric for what is no name; when it is measured, for a mark that is not there."""
    if not isinstance(mark, str) or not mark:
        raise BadMetric(f"marked() got {shown(mark)}; expected the name of a mark, such as 'quote'.")
    return Marked(mark)


def checked_dictionary(given: object, what: str) -> Dictionary:
    """Raises BadMetric for what is none, asked for by `what`."""
    if isinstance(given, Dictionary):
        return given
    raise BadMetric(f"{what} got {shown(given)}; expected a dictionary, such as cc.sae(folder).{after_reload(given)}")


def _one_token(at: str) -> Position:
    """Raises BadMetric for a span."""
    found = parse_position(at)
    if found.span:
        raise BadMetric(f"at={at!r} is several tokens; features are looked at on one: {found.name}.")
    return found


def _one_site(site: str | Unit | Site) -> Site:
    found = parse_sites(site, ANY_MODEL)
    if len(found) != 1:
        raise UnknownSite(f"{shown(site)} is not one site.")
    return found[0]


ELSEWHERE = {  # names of other tools, and ours
    "prob": "probability",
    "logprob": "log_prob",
    "logit_difference": "logit_diff",
    **dict.fromkeys(("kl", "kl_div", "kl_divergence"), "kl_from_clean"),
}
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


def metric_hints() -> dict[str, str]:
    """How to write those that are used by name, by their names here and in other tools."""
    names = {each: each for each in _NAMED} | ELSEWHERE
    return {name: f"Write task.metric({ours!r}, view)." for name, ours in names.items()}


def _named(name: str) -> Metric:
    """Raises BadMetric, BadExtension."""
    load_extensions()
    if name not in _NAMED:
        raise BadMetric(
            f"there is no metric called {name!r}; there are {', '.join(sorted(_NAMED))}.{_meant(name)} Others "
            f"are written as such: task.metric(cc.logit_diff(), view)."
        )
    return _NAMED[name]


def _meant(name: str) -> str:
    return f" Did you mean {ELSEWHERE[name]!r}?" if name in ELSEWHERE else suggestion(name, _NAMED)


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
