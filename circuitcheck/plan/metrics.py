"""Metrics as data: one number per prompt, read from one run's logits at the prompt's last token."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from circuitcheck.digest import digest

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

    `tokens` says which logits are read: those of the answer `pair`, or `all`.
    """

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> Literal["logits"]: ...
    @property
    def tokens(self) -> Literal["pair", "all"]: ...
    @property
    def support(self) -> Support: ...
    @property
    def digest(self) -> str: ...


class _Builtin:
    reads: ClassVar[Literal["logits"]] = "logits"

    @property
    def digest(self) -> str:
        return digest(self)


@dataclass(frozen=True)
class LogitDiff(_Builtin):
    """Logit of the answer minus logit of the distractor, subtracted in float64."""

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
class Probability(_Builtin):
    """Softmax probability of the answer."""

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
    reads: ClassVar[Literal["logits"]] = "logits"
    tokens: ClassVar[Literal["all"]] = "all"

    @property
    def digest(self) -> str:
        return f"local:{self.name}:{self.support}:{id(self.function)}"
