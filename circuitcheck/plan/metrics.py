"""Metrics as data: one number per prompt, read from one run's logits at the prompt's END."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest

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
    which logits are compared: those of the answer `pair`, of all `candidates`, or `all`.
    """

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> Reading: ...
    @property
    def tokens(self) -> Literal["pair", "candidates", "all"]: ...
    @property
    def support(self) -> Support: ...
    @property
    def digest(self) -> str: ...


class _Builtin:
    reads: ClassVar[Reading] = "logits"

    @property
    def digest(self) -> str:
        return digest(self)


@dataclass(frozen=True)
class LogitDiff(_Builtin):
    """Logit of the answer minus logit of the distractor, subtracted in float64; of their first tokens, which must differ."""

    name: ClassVar[str] = "logit_diff"
    tokens: ClassVar[Literal["pair"]] = "pair"
    support: ClassVar[Support] = "real"


@dataclass(frozen=True)
class Accuracy(_Builtin):
    """1 where the answer has the largest logit of the whole vocabulary, else 0."""

    name: ClassVar[str] = "accuracy"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = "binary"


@dataclass(frozen=True)
class CandidateAccuracy(_Builtin):
    """1 where the answer has the largest logit among the task's candidates (answer, distractor and others that it names),
    compared on their first tokens, else 0."""

    name: ClassVar[str] = "candidate_accuracy"
    tokens: ClassVar[Literal["candidates"]] = "candidates"
    support: ClassVar[Support] = "binary"


@dataclass(frozen=True)
class Loss(_Builtin):
    """Minus the log-probability of the answer's first token, in nats: on running text the loss of the next token."""

    name: ClassVar[str] = "loss"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, math.inf)


@dataclass(frozen=True)
class LogProb(_Builtin):
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
class Probability(_Builtin):
    """Softmax probability of the answer's first token."""

    name: ClassVar[str] = "probability"
    tokens: ClassVar[Literal["all"]] = "all"
    support: ClassVar[Support] = (0.0, 1.0)


@dataclass(frozen=True)
class Custom:
    """A callable as a metric: `function(logits, prompts)` with logits [prompt, vocab] and one value per prompt back.

    It has no stable digest: it works in this process only, its values are kept for this session only, and results say so.
    """

    function: Callable[[Any, Any], Any] = field(repr=False)
    name: str
    support: Support = "real"
    reads: ClassVar[Reading] = "logits"
    tokens: ClassVar[Literal["all"]] = "all"

    @property
    def digest(self) -> str:
        return f"local:{self.name}:{self.support}:{id(self.function)}"
