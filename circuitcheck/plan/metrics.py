"""Metrics as data: one number per prompt, read from one run."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest
from circuitcheck.plan.positions import At, Position
from circuitcheck.plan.sites import Site
from circuitcheck.plan.units import Head

Reading = Literal["logits", "answer", "distractor"]
Support = Literal["real", "binary"] | tuple[float, float]


def bounds_of(support: Support) -> tuple[float, float] | None:
    """The range of a support, or None where an end is open."""
    if support == "real":
        return None
    low, high = (0.0, 1.0) if isinstance(support, str) else support
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def supports(support: Support, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of `values` a support allows."""
    if support == "binary":
        return np.isin(values, (0.0, 1.0))
    low, high = (-math.inf, math.inf) if isinstance(support, str) else support
    return (values >= low) & (values <= high)


@runtime_checkable
class Metric(Protocol):
    """`support` decides the statistics: 0/1 metrics never reach a method for real values.

    `reads` says where: the logits at END, or the run that goes on with all of the answer or of the distractor. `tokens` says
    which logits are compared: those of the answer `pair`, of all `candidates`, or `all`; "none" for metrics of
    `sites`, which look at the positions `looks_at`. `compares_with_clean` asks for the logits of the untouched clean
    run as well.
    """

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> Reading: ...
    @property
    def tokens(self) -> Literal["pair", "candidates", "all", "none"]: ...
    @property
    def support(self) -> Support: ...
    @property
    def sites(self) -> tuple[Site, ...]: ...
    @property
    def looks_at(self) -> At: ...
    @property
    def compares_with_clean(self) -> bool: ...
    @property
    def digest(self) -> str: ...


class MetricBase:
    """What holds for metrics of logits at END alone. A metric of one's own is a frozen dataclass with this base, `name`,
    `tokens` and `support`; its fields make its digest."""

    reads: ClassVar[Reading] = "logits"
    sites: ClassVar[tuple[Site, ...]] = ()
    looks_at: ClassVar[At] = ()
    compares_with_clean: ClassVar[bool] = False

    @property
    def digest(self) -> str:
        return digest(self)


@dataclass(frozen=True)
class LogitDiff(MetricBase):
    """Logit of the answer minus logit of the distractor, subtracted in float64; of their first tokens, which must differ."""

    name: ClassVar[str] = "logit_diff"
    tokens: ClassVar[Literal["pair"]] = "pair"
    support: ClassVar[Support] = "real"


@dataclass(frozen=True)
class Accuracy(MetricBase):
    """1 where the answer has the largest logit of the whole vocabulary, else 0."""

    name: ClassVar[str] = "accuracy"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = "binary"


@dataclass(frozen=True)
class CandidateAccuracy(MetricBase):
    """1 where the answer has the largest logit among the task's candidates (answer, distractor and others that it names),
    compared on their first tokens, else 0."""

    name: ClassVar[str] = "candidate_accuracy"
    tokens: ClassVar[Literal["candidates"]] = "candidates"
    support: ClassVar[Support] = "binary"


@dataclass(frozen=True)
class Loss(MetricBase):
    """Minus the log-probability of the answer's first token, in nats: on running text the loss of the next token."""

    name: ClassVar[str] = "loss"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, math.inf)


@dataclass(frozen=True)
class LogProb(MetricBase):
    """Log-probability of the whole answer, or distractor, in nats: the sum over its tokens, each given those before it
    (teacher forcing)."""

    of: Literal["answer", "distractor"] = "answer"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (-math.inf, 0.0)

    @property
    def name(self) -> str:
        return "log_prob" if self.of == "answer" else "log_prob_of_distractor"

    @property
    def reads(self) -> Reading:  # type: ignore[override]
        return self.of


@dataclass(frozen=True)
class Probability(MetricBase):
    """Softmax probability of the answer's first token."""

    name: ClassVar[str] = "probability"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, 1.0)


@dataclass(frozen=True)
class Rank(MetricBase):
    """1 where the answer's first token has the largest logit, 2 where one token has a larger one, and so on."""

    name: ClassVar[str] = "rank"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (1.0, math.inf)


@dataclass(frozen=True)
class KLFromClean(MetricBase):
    """Kullback-Leibler divergence of the view's next-token distribution at END from the untouched model's on the clean
    prompt, D(clean || view), in nats."""

    name: ClassVar[str] = "kl_from_clean"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, math.inf)
    compares_with_clean: ClassVar[bool] = True


@dataclass(frozen=True)
class Attention(MetricBase):
    """What a head's attention pattern gives from the token `query` to the token `key`: between 0 and 1. Over a span of keys
    the sum, over a span of queries the mean."""

    head: Head
    query: Position
    key: Position
    tokens: ClassVar[Literal["none"]] = "none"
    support: ClassVar[Support] = (0.0, 1.0)

    @property
    def name(self) -> str:
        return f"attention of {self.head} from {self.query} to {self.key}"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return (Site("pattern", self.head.layer, self.head.head),)

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.query, self.key)


@dataclass(frozen=True)
class _OfSite(MetricBase):
    site: Site
    at: Position
    tokens: ClassVar[Literal["none"]] = "none"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return (self.site,)

    @property
    def looks_at(self) -> At:  # type: ignore[override]
        return (self.at,)


@dataclass(frozen=True)
class Norm(_OfSite):
    """The Euclidean norm of a site's value at one token."""

    support: ClassVar[Support] = (0.0, math.inf)

    @property
    def name(self) -> str:
        return f"norm of {self.site} at {self.at}"


@dataclass(frozen=True)
class Activation(_OfSite):
    """The activation of one neuron at one token."""

    support: ClassVar[Support] = "real"

    @property
    def name(self) -> str:
        return f"activation of {self.site} at {self.at}"


@dataclass(frozen=True)
class Showing(MetricBase):
    """No number: what a run shows at END and at `shown`, for who looks at tensors."""

    shown: tuple[Site, ...] = ()
    name: ClassVar[str] = "showing"
    tokens: ClassVar[Literal["none"]] = "none"
    support: ClassVar[Support] = "real"

    @property
    def sites(self) -> tuple[Site, ...]:  # type: ignore[override]
        return self.shown


@dataclass(frozen=True)
class Custom(MetricBase):
    """A callable as a metric: `function(logits, prompts)` with logits [prompt, vocab] and one value per prompt back.

    It has no stable digest: it works in this process only, its values are kept for this session only, and results say so.
    """

    function: Callable[[Any, Any], Any] = field(repr=False)
    name: str
    support: Support = "real"
    tokens: ClassVar[Literal["all"]] = "all"

    @property
    def digest(self) -> str:
        return f"local:{self.name}:{self.support}:{id(self.function)}"
